import { totalInput, totalOutput } from '../contract/usage.ts';
import type { StopReason, Usage } from '../contract/usage.ts';
import { tellAll, whole } from './answer.ts';
import type { Answer, Told } from './answer.ts';
import { errorEvent } from './fault.ts';
import { JSON_TYPE, SSE_TYPE, openAiHeaders, openAiRequestId } from './headers.ts';
import { escaped, numberAt, objectAt } from './json.ts';
import type { Prompt } from './prompt.ts';
import { fragmentsOf } from './script.ts';
import type { Script } from './script.ts';
import { createdSeconds, letters } from './seed.ts';
import type { Seed } from './seed.ts';
import type { Steering } from './steering.ts';
import { wholeOf } from './words.ts';

/** More than anybody asks for; bounds the size of an event round. */
const MOST_CHOICES = 8;

/** Random padding that hides the length of a token from who watches the wire. */
const PADS = ['XksGb92', 'gaenj6', 'jAjafwG', '4ndpsk', '4hY', 'CE0EaPF', '95nnQQA605', 'QPh'];

export function padOf(seed: Seed, event: number): string {
  return PADS[(seed.number + event) % PADS.length] ?? '';
}

export function chatId(seed: Seed): string {
  return `chatcmpl-${letters(seed, 0, 24)}`;
}

export function answerChat(script: Script, prompt: Prompt, steering: Steering, told: Told): Answer {
  const choices = Math.min(Math.max(1, numberAt(prompt.body, 'n') ?? 1), MOST_CHOICES);
  if (prompt.stream) return streamOf(script, prompt, steering, told, choices);
  const usage = steering.usage === 'none' ? '' : `,"usage":${usageJson(script.usage)}`;
  if (usage !== '') tellAll(told, script.usage);
  const body =
    `{"id":"${chatId(script.seed)}","object":"chat.completion","created":${createdSeconds(script.seed)},` +
    `"model":"${escaped(script.model)}","choices":[${choicesJson(script, choices)}]${usage},` +
    `"service_tier":"${escaped(script.tier ?? 'default')}","system_fingerprint":null}`;
  return whole(200, openAiHeaders(script.seed, JSON_TYPE), body);
}

function choicesJson(script: Script, choices: number): string {
  const said = script.pieces.count === 0 ? 'null' : `"${wholeOf(script.pieces)}"`;
  const refused = script.stop === 'refusal';
  const calls = script.calls.map(
    (call) =>
      `{"id":"call_${call.id}","type":"function","function":{"name":"${escaped(call.name)}","arguments":${JSON.stringify(call.arguments)}}}`,
  );
  const toolCalls = calls.length === 0 ? '' : `,"tool_calls":[${calls.join(',')}]`;
  const message = `{"role":"assistant","content":${refused ? 'null' : said},"refusal":${refused ? said : 'null'},"annotations":[]${toolCalls}}`;
  const rest = `"message":${message},"logprobs":null,"finish_reason":"${finishReason(script.stop)}"}`;
  return Array.from({ length: choices }, (_, i) => `{"index":${i},${rest}`).join(',');
}

export function finishReason(stop: StopReason): string {
  switch (stop) {
    case 'tool_use':
      return 'tool_calls';
    case 'length':
    case 'content_filter':
      return stop;
    default:
      return 'stop';
  }
}

function usageJson(usage: Usage): string {
  const input = totalInput(usage);
  const output = totalOutput(usage);
  const write = usage.cache_write_other > 0 ? `,"cache_write_tokens":${usage.cache_write_other}` : '';
  const image = usage.image_in > 0 ? `,"image_tokens":${usage.image_in}` : '';
  return (
    `{"prompt_tokens":${input},"completion_tokens":${output},"total_tokens":${input + output},` +
    `"prompt_tokens_details":{"cached_tokens":${usage.cache_read},"audio_tokens":${usage.audio_in}${write}${image}},` +
    `"completion_tokens_details":{"reasoning_tokens":${usage.reasoning},"audio_tokens":${usage.audio_out},` +
    `"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`
  );
}

/**
 * Where usage stands in a stream. `asked`: as the client asked (`null` in each chunk, then a chunk of its own), `always`:
 * the same unasked, `finish`: in the chunk that has the finish reason, `every`: growing in every chunk.
 */
type UsagePlace = 'none' | 'own_chunk' | 'finish' | 'every';

function usagePlace(prompt: Prompt, steering: Steering): UsagePlace {
  const asked = objectAt(prompt.body, 'stream_options')?.['include_usage'] === true;
  switch (steering.usage) {
    case 'none':
    case 'finish':
    case 'every':
      return steering.usage;
    case 'always':
      return 'own_chunk';
    default:
      return asked ? 'own_chunk' : 'none';
  }
}

function streamOf(script: Script, prompt: Prompt, steering: Steering, told: Told, choices: number): Answer {
  return {
    kind: 'stream',
    headers: openAiHeaders(script.seed, SSE_TYPE),
    events: eventsOf(script, prompt, usagePlace(prompt, steering), told, choices),
    terminator: () => 'data: [DONE]\n\n',
    errorEvent: (fault, sent) => errorEvent('openai', fault, openAiRequestId(script.seed), sent),
    comments: true,
  };
}

function* eventsOf(script: Script, prompt: Prompt, place: UsagePlace, told: Told, choices: number): Generator<string> {
  const { seed, pieces, usage } = script;
  const padded = objectAt(prompt.body, 'stream_options')?.['include_obfuscation'] !== false;
  const head =
    `data: {"id":"${chatId(seed)}","object":"chat.completion.chunk","created":${createdSeconds(seed)},` +
    `"model":"${escaped(script.model)}","service_tier":"${escaped(script.tier ?? 'default')}","system_fingerprint":null,"choices":[`;
  const nullUsage = place === 'own_chunk' ? ',"usage":null' : '';
  let sent = 0;
  const tail = (soFar: number): string => {
    sent += 1;
    const counted = place === 'every' ? `,"usage":${usageJson({ ...usage, output: soFar })}` : nullUsage;
    return padded ? `${counted},"obfuscation":"${padOf(seed, sent)}"}\n\n` : `${counted}}\n\n`;
  };
  const chunk = (choice: number, delta: string, soFar: number): string =>
    `${head}{"index":${choice},"delta":${delta},"logprobs":null,"finish_reason":null}]${tail(soFar)}`;
  const refused = script.stop === 'refusal';
  const key = refused ? 'refusal' : 'content';
  // A stream that begins with a tool call has no empty text before it.
  const first = pieces.count === 0 && script.calls.length > 0 ? 'null' : '""';
  for (let c = 0; c < choices; c += 1) {
    const opening = refused ? '"content":null,"refusal":""' : `"content":${first},"refusal":null`;
    yield chunk(c, `{"role":"assistant",${opening}}`, 0);
  }
  for (let i = 0; i < pieces.count; i += 1) {
    const delta = `{"${key}":"${pieces.piece(i)}"}`;
    for (let c = 0; c < choices; c += 1) yield chunk(c, delta, Math.min(i + 1, usage.output));
  }
  for (const [index, call] of script.calls.entries()) {
    for (let c = 0; c < choices; c += 1) {
      const opened = `{"index":${index},"id":"call_${call.id}","type":"function","function":{"name":"${escaped(call.name)}","arguments":""}}`;
      yield chunk(c, `{"tool_calls":[${opened}]}`, pieces.count);
      for (const part of fragmentsOf(call.arguments)) {
        const delta = `{"tool_calls":[{"index":${index},"function":{"arguments":${JSON.stringify(part)}}}]}`;
        yield chunk(c, delta, pieces.count);
      }
    }
  }
  for (let c = 0; c < choices; c += 1) {
    const finish = `${head}{"index":${c},"delta":{},"logprobs":null,"finish_reason":"${finishReason(script.stop)}"}]`;
    if (c === choices - 1 && (place === 'finish' || place === 'every')) {
      tellAll(told, usage);
      yield `${finish},"usage":${usageJson(usage)}}\n\n`;
    } else yield `${finish}${tail(usage.output)}`;
  }
  if (place !== 'own_chunk') return;
  tellAll(told, usage);
  yield `${head}],"usage":${usageJson(usage)}}\n\n`;
}
