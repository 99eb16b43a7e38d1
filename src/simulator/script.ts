import { USAGE_KINDS, zeroUsage } from '../contract/usage.ts';
import type { StopReason, Usage, UsageKind } from '../contract/usage.ts';
import { MEDIA_DEFAULTS, isMedia } from './openai-media.ts';
import type { MediaApi } from './openai-media.ts';
import { sampleArguments, sampleOf } from './sample.ts';
import { letters, seedOf } from './seed.ts';
import type { Seed } from './seed.ts';
import type { Prompt, Tool } from './prompt.ts';
import type { Steering } from './steering.ts';
import { filler, given, stamps, words } from './words.ts';
import type { Pieces } from './words.ts';

export type BilledApi =
  | 'openai_chat'
  | 'openai_responses'
  | 'anthropic_messages'
  | 'gemini'
  | 'openai_embeddings'
  | MediaApi;

export interface ScriptedCall {
  /** 24 letters; each API puts its own prefix before it. */
  id: string;
  name: string;
  /** JSON text. */
  arguments: string;
}

/** What one answer says, before an API gives it its shape. */
export interface Script {
  seed: Seed;
  /** As the response names it. */
  model: string;
  pieces: Pieces;
  calls: ScriptedCall[];
  stop: StopReason;
  usage: Usage;
  /** Part of `input_uncached` that Gemini reports apart. */
  toolPrompt: number;
  webSearches: number;
  tier: string | undefined;
  speed: string | undefined;
}

/** Kinds of tokens that an API has words for. Asking for others is an error: the books would not match the wire. */
const TOLD_BY: Record<BilledApi, readonly UsageKind[]> = {
  openai_chat: [
    'input_uncached',
    'cache_read',
    'cache_write_other',
    'output',
    'reasoning',
    'audio_in',
    'image_in',
    'audio_out',
  ],
  openai_responses: ['input_uncached', 'cache_read', 'cache_write_other', 'output', 'reasoning'],
  anthropic_messages: ['input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output', 'reasoning'],
  gemini: ['input_uncached', 'cache_read', 'output', 'reasoning', 'audio_in', 'image_in', 'audio_out', 'image_out'],
  openai_embeddings: ['input_uncached'],
  openai_images: ['input_uncached', 'image_in', 'output', 'image_out'],
  openai_transcriptions: ['input_uncached', 'audio_in', 'output'],
  openai_speech: ['input_uncached', 'audio_out'],
};

/** The usual rule of thumb for English text. */
const CHARACTERS_PER_TOKEN = 4;

/** Without steering, an answer has from 8 to 40 words. */
const FEWEST_WORDS = 8;
const WORDS_RANGE = 33;

/** Many output tokens do not ask for as many events: more than this only with `events`. */
const EVENTS_UNASKED = 1024;

/** `call the tool`, `use the tool get_weather`: phrases that do not occur in agents' own instructions by accident. */
const ASKS_FOR_TOOL = /\b(?:please )?(?:call|use) (?:the|a) tool\b(?: [`"']?([\w-]+))?/i;
const SAYS_OK = /\b(?:say|reply|answer|respond)(?: with)?(?: exactly| just| only)?:? ["'`]?OK\b/i;

export function countedInput(prompt: Prompt): number {
  return Math.max(1, Math.ceil(prompt.said.length / CHARACTERS_PER_TOKEN));
}

export type ScriptResult = { ok: true; value: Script } | { ok: false; why: string };

/** Writes the answer. Pure, except that stamped pieces read the clock when they are delivered. */
export function writeScript(
  api: BilledApi,
  prompt: Prompt,
  steering: Steering,
  settings: string,
  nowMs: () => number,
): ScriptResult {
  const model = steering.served ?? prompt.model;
  const seed = seedOf(`${api}\n${prompt.model}\n${settings}\n${prompt.said}`);
  const calls = callsOf(prompt, steering, seed);
  const { pieces, length } = textOf(prompt, steering, seed, calls.length > 0, nowMs);
  const usage = usageOf(api, prompt, steering, pieces.count, calls);
  if (!usage.ok) return usage;
  const stop = steering.stop ?? (calls.length > 0 ? 'tool_use' : length ? 'length' : 'stop');
  return {
    ok: true,
    value: {
      seed,
      model,
      pieces,
      calls,
      stop,
      usage: usage.value,
      toolPrompt: Math.min(steering.tool_prompt ?? 0, usage.value.input_uncached),
      webSearches: steering.web_searches ?? 0,
      tier: steering.tier,
      speed: steering.speed,
    },
  };
}

function callsOf(prompt: Prompt, steering: Steering, seed: Seed): ScriptedCall[] {
  if (prompt.afterToolResult || prompt.tools.length === 0) return [];
  const asked = ASKS_FOR_TOOL.exec(prompt.lastUserText);
  const wanted = prompt.forcedTool ?? asked?.[1] ?? '';
  const count = steering.tools ?? (prompt.forcedTool !== undefined || asked !== null ? 1 : 0);
  const first = Math.max(
    0,
    prompt.tools.findIndex((tool) => tool.name === wanted),
  );
  return Array.from({ length: count }, (_, i) => {
    const tool: Tool | undefined = prompt.tools[(first + i) % prompt.tools.length];
    return {
      id: letters(seed, 100 + i, 24),
      name: tool?.name ?? '',
      arguments: sampleArguments(tool?.schema, steering.tool_bytes),
    };
  });
}

function textOf(
  prompt: Prompt,
  steering: Steering,
  seed: Seed,
  hasCalls: boolean,
  nowMs: () => number,
): { pieces: Pieces; length: boolean } {
  const { events, bytes } = steering;
  if (steering.stamp === true) return { pieces: stamps(events ?? 1, bytes ?? 0, nowMs), length: false };
  const said = givenText(prompt, steering);
  if (said !== undefined) return { pieces: given(said, events, bytes), length: false };
  if (hasCalls && events === undefined) return { pieces: words(seed, 0), length: false };
  const natural = FEWEST_WORDS + (seed.number % WORDS_RANGE);
  const most = prompt.maxOutput ?? Number.POSITIVE_INFINITY;
  const asked = events ?? (steering.output === undefined ? undefined : Math.min(steering.output, EVENTS_UNASKED));
  const count = asked ?? Math.min(natural, most);
  return {
    pieces: bytes === undefined ? words(seed, count) : filler(seed, count, bytes),
    length: asked === undefined && natural > most,
  };
}

function givenText(prompt: Prompt, steering: Steering): string | undefined {
  if (steering.text !== undefined) return steering.text;
  if (steering.echo === true) return prompt.lastUserText;
  if (prompt.jsonSchema !== undefined) return JSON.stringify(sampleOf(prompt.jsonSchema));
  if (SAYS_OK.test(prompt.lastUserText)) return 'OK';
  return undefined;
}

function usageOf(
  api: BilledApi,
  prompt: Prompt,
  steering: Steering,
  pieces: number,
  calls: readonly ScriptedCall[],
): { ok: true; value: Usage } | { ok: false; why: string } {
  const writeKind = api === 'anthropic_messages' ? 'cache_write_5m' : 'cache_write_other';
  const usage = zeroUsage();
  usage.input_uncached = steering.input ?? countedInput(prompt);
  usage.cache_read = steering.cached ?? 0;
  usage.cache_write_5m = steering.write5m ?? 0;
  usage.cache_write_1h = steering.write1h ?? 0;
  usage[writeKind] += steering.write ?? 0;
  const callTokens = calls.reduce((sum, call) => sum + 8 + Math.ceil(call.arguments.length / CHARACTERS_PER_TOKEN), 0);
  const usual: Partial<Usage> = isMedia(api) ? MEDIA_DEFAULTS[api] : {};
  usage.output = api === 'openai_embeddings' ? 0 : (steering.output ?? usual.output ?? pieces + callTokens);
  usage.reasoning = steering.reasoning ?? 0;
  usage.audio_in = steering.audio_in ?? usual.audio_in ?? 0;
  usage.image_in = steering.image_in ?? 0;
  usage.audio_out = steering.audio_out ?? usual.audio_out ?? 0;
  usage.image_out = steering.image_out ?? usual.image_out ?? 0;
  const kind = unspoken(api, usage);
  if (kind !== undefined) return { ok: false, why: `x-sim: ${api} has no words for ${kind}` };
  return { ok: true, value: usage };
}

function unspoken(api: BilledApi, usage: Usage): UsageKind | undefined {
  return USAGE_KINDS.find((kind) => usage[kind] > 0 && !TOLD_BY[api].includes(kind));
}

/** Cuts a call's arguments into the fragments of a stream: at most 64, of at least 8 characters. */
export function fragmentsOf(json: string): string[] {
  const size = Math.max(8, Math.ceil(json.length / 64));
  const fragments: string[] = [];
  for (let at = 0; at < json.length; at += size) fragments.push(json.slice(at, at + size));
  return fragments;
}
