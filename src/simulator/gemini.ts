import type { Usage } from '../contract/usage.ts';
import { tellAll, whole } from './answer.ts';
import type { Answer, Told } from './answer.ts';
import { errorEvent } from './fault.ts';
import { googleHeaders } from './headers.ts';
import { escaped } from './json.ts';
import type { Prompt } from './prompt.ts';
import type { Script } from './script.ts';
import { letters } from './seed.ts';
import type { Steering } from './steering.ts';
import { wholeOf } from './words.ts';

const GOOGLE_JSON = 'application/json; charset=UTF-8';

const THOUGHT = '{"text":"Weighing both, näkö first.","thought":true}';

/** How a stream is framed: events, or the pieces of one JSON array. */
export type GeminiFraming = 'sse' | 'array';

export function answerGenerate(
  script: Script,
  prompt: Prompt,
  framing: GeminiFraming,
  steering: Steering,
  told: Told,
): Answer {
  const tells = steering.usage !== 'none';
  if (prompt.stream) return streamOf(script, framing, tells, told);
  if (tells) tellAll(told, script.usage);
  const text = script.pieces.count > 0 ? [textPart(wholeOf(script.pieces))] : [];
  const parts = [...(script.usage.reasoning > 0 ? [THOUGHT] : []), ...text, ...script.calls.map(callPart)];
  return whole(200, googleHeaders(GOOGLE_JSON), chunkJson(script, parts, true, tells ? script.usage : undefined));
}

function textPart(text: string): string {
  return `{"text":"${text}"}`;
}

function callPart(call: { name: string; arguments: string; id: string }): string {
  return `{"functionCall":{"name":"${escaped(call.name)}","args":${call.arguments}}}`;
}

function finishReason(script: Script): string {
  switch (script.stop) {
    case 'length':
      return 'MAX_TOKENS';
    case 'content_filter':
    case 'refusal':
      return 'SAFETY';
    default:
      return 'STOP';
  }
}

function chunkJson(script: Script, parts: readonly string[], last: boolean, usage: Usage | undefined): string {
  const finish = last ? `,"finishReason":"${finishReason(script)}"` : '';
  const grounded =
    last && script.webSearches > 0
      ? `,"groundingMetadata":{"webSearchQueries":[${Array.from({ length: script.webSearches }, () => '"tides"').join(',')}]}`
      : '';
  const counted = usage === undefined ? '' : `,"usageMetadata":${usageJson(script, usage)}`;
  return (
    `{"candidates":[{"content":{"parts":[${parts.join(',')}],"role":"model"}${finish},"index":0${grounded}}]${counted},` +
    `"modelVersion":"${escaped(script.model)}","responseId":"${letters(script.seed, 0, 22)}"}`
  );
}

function details(entries: readonly [string, number][]): string {
  const named = entries.filter(([, tokens]) => tokens > 0);
  return `[${named.map(([modality, tokens]) => `{"modality":"${modality}","tokenCount":${tokens}}`).join(',')}]`;
}

/** Members that are zero are left out, as the real API does. */
function usageJson(script: Script, usage: Usage): string {
  const text = usage.input_uncached - script.toolPrompt + usage.cache_read;
  const prompt = text + usage.audio_in + usage.image_in;
  const candidates = usage.output + usage.audio_out + usage.image_out;
  const total = prompt + script.toolPrompt + candidates + usage.reasoning;
  const members = [`"promptTokenCount":${prompt}`];
  if (candidates > 0) members.push(`"candidatesTokenCount":${candidates}`);
  members.push(`"totalTokenCount":${total}`);
  if (usage.cache_read > 0) members.push(`"cachedContentTokenCount":${usage.cache_read}`);
  const prompts: [string, number][] = [
    ['TEXT', text],
    ['AUDIO', usage.audio_in],
    ['IMAGE', usage.image_in],
  ];
  members.push(`"promptTokensDetails":${details(prompts)}`);
  if (usage.cache_read > 0) members.push(`"cacheTokensDetails":${details([['TEXT', usage.cache_read]])}`);
  if (usage.audio_out + usage.image_out > 0) {
    const made: [string, number][] = [
      ['TEXT', usage.output],
      ['AUDIO', usage.audio_out],
      ['IMAGE', usage.image_out],
    ];
    members.push(`"candidatesTokensDetails":${details(made)}`);
  }
  if (usage.reasoning > 0) members.push(`"thoughtsTokenCount":${usage.reasoning}`);
  if (script.toolPrompt > 0) {
    members.push(`"toolUsePromptTokenCount":${script.toolPrompt}`);
    members.push(`"toolUsePromptTokensDetails":${details([['TEXT', script.toolPrompt]])}`);
  }
  if (script.tier !== undefined) members.push(`"serviceTier":"${escaped(script.tier)}"`);
  return `{${members.join(',')}}`;
}

function streamOf(script: Script, framing: GeminiFraming, tells: boolean, told: Told): Answer {
  const sse = framing === 'sse';
  const frame = (chunk: string, first: boolean): string =>
    sse ? `data: ${chunk}\r\n\r\n` : first ? `[${chunk}\n` : `,\r\n${chunk}\n`;
  const last = lastChunk(script);
  return {
    kind: 'stream',
    headers: googleHeaders(sse ? 'text/event-stream' : GOOGLE_JSON),
    events: eventsOf(script, frame, tells, told, last.pieces),
    terminator: () => {
      if (tells) tellAll(told, script.usage);
      const alone = script.usage.reasoning === 0 && last.pieces === 0;
      const chunk = frame(chunkJson(script, last.parts(), true, tells ? script.usage : undefined), alone);
      return sse ? chunk : `${chunk}]`;
    },
    errorEvent: (fault, sent) => {
      const event = errorEvent('google', fault, '', sent);
      return sse ? event : `${frame(event.slice('data: '.length).trimEnd(), sent === 0)}]`;
    },
    // A comment between the elements of an array is no JSON.
    comments: sse,
  };
}

/** The API has no terminator, but its last chunk says why it stopped: with it go the last words, or the calls. */
function lastChunk(script: Script): { parts: () => string[]; pieces: number } {
  const { pieces, calls } = script;
  if (calls.length > 0) return { parts: () => calls.map(callPart), pieces: pieces.count };
  if (pieces.count === 0) return { parts: () => [textPart('')], pieces: 0 };
  // Made when it leaves: a stamped one says when that was.
  return { parts: () => [textPart(pieces.piece(pieces.count - 1))], pieces: pieces.count - 1 };
}

/** Usage grows from chunk to chunk; the first ones of a thinking model have no candidates yet. */
function* eventsOf(
  script: Script,
  frame: (chunk: string, first: boolean) => string,
  tells: boolean,
  told: Told,
  count: number,
): Generator<string> {
  const { usage, pieces } = script;
  const say = (soFar: Usage): Usage | undefined => {
    if (!tells) return undefined;
    told.usage = soFar;
    told.state = 'partial';
    return soFar;
  };
  const none = { ...usage, output: 0, audio_out: 0, image_out: 0 };
  const thinks = usage.reasoning > 0;
  if (thinks) yield frame(chunkJson(script, [THOUGHT], false, say(none)), true);
  for (let i = 0; i < count; i += 1) {
    const soFar = { ...none, output: Math.floor((usage.output * (i + 1)) / (count + 1)) };
    yield frame(chunkJson(script, [textPart(pieces.piece(i))], false, say(soFar)), i === 0 && !thinks);
  }
}

export function answerCountTokens(tokens: number): Answer {
  const counted = details([['TEXT', tokens]]);
  return whole(200, googleHeaders(GOOGLE_JSON), `{"totalTokens":${tokens},"promptTokensDetails":${counted}}`);
}

/** `texts`: how many were sent; a batch answers with a list. Usage is told where the request steers `usage=always`. */
export function answerEmbed(
  script: Script,
  values: string,
  texts: number,
  batch: boolean,
  steering: Steering,
  told: Told,
): Answer {
  const tells = steering.usage === 'always';
  if (tells) tellAll(told, script.usage);
  const counted = tells
    ? `,"usageMetadata":{"promptTokenCount":${script.usage.input_uncached},"totalTokenCount":${script.usage.input_uncached}}`
    : '';
  const one = `{"values":${values}}`;
  const body = batch
    ? `{"embeddings":[${Array.from({ length: texts }, () => one).join(',')}]${counted}}`
    : `{"embedding":${one}${counted}}`;
  return whole(200, googleHeaders(GOOGLE_JSON), body);
}
