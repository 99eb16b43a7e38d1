import type { Usage, UsageKind } from '../../src/contract/usage.ts';
import { zeroUsage } from '../../src/contract/usage.ts';
import type { WireName } from './wires.ts';

/** A way of using a model, in the simulator's words, and what that costs by the makers' lists. */
export interface Priced {
  name: string;
  wires: readonly WireName[];
  model: string;
  sim: string;
  usage: Partial<Usage>;
  /** Per token, in nanodollars: a dollar a million tokens is 1000. Written from the makers' lists, not read from ours. */
  rates: Partial<Record<UsageKind, number>>;
  /** On top of the tokens, in nanodollars. */
  searches?: number;
}

const CHATS: readonly WireName[] = ['chat', 'chat_unasked'];
const GEMINIS: readonly WireName[] = ['gemini', 'gemini_array'];

export const PRICED: readonly Priced[] = [
  {
    name: 'cached and reasoning',
    wires: ['chat', 'chat_unasked', 'responses'],
    model: 'gpt-5-mini',
    sim: 'input=100;cached=4000;output=60;reasoning=640',
    usage: { input_uncached: 100, cache_read: 4000, output: 60, reasoning: 640 },
    rates: { input_uncached: 250, cache_read: 25, output: 2000, reasoning: 2000 },
  },
  {
    name: 'flex',
    wires: ['chat', 'chat_unasked', 'responses'],
    model: 'gpt-5',
    sim: 'input=320;cached=64;output=48;tier=flex',
    usage: { input_uncached: 320, cache_read: 64, output: 48 },
    rates: { input_uncached: 625, cache_read: 62.5, output: 5000 },
  },
  {
    name: 'priority with cache writes',
    wires: ['chat', 'chat_unasked', 'responses'],
    model: 'gpt-5.6',
    sim: 'input=210;cached=512;write=2048;output=33;reasoning=17;tier=priority',
    usage: { input_uncached: 210, cache_read: 512, cache_write_other: 2048, output: 33, reasoning: 17 },
    rates: { input_uncached: 8000, cache_read: 800, cache_write_other: 10_000, output: 40_000, reasoning: 40_000 },
  },
  {
    name: 'audio',
    wires: CHATS,
    model: 'gpt-4o-audio-preview',
    sim: 'input=70;audio_in=900;output=21;audio_out=310',
    usage: { input_uncached: 70, audio_in: 900, output: 21, audio_out: 310 },
    rates: { input_uncached: 2500, audio_in: 2500, output: 10_000, audio_out: 200_000 },
  },
  {
    name: 'web searches',
    wires: ['responses'],
    model: 'gpt-5',
    sim: 'input=5100;output=90;reasoning=256;web_searches=3',
    usage: { input_uncached: 5100, output: 90, reasoning: 256 },
    rates: { input_uncached: 1250, output: 10_000, reasoning: 10_000 },
    searches: 3 * 10_000_000,
  },
  {
    name: 'both lifetimes of cache',
    wires: ['messages'],
    model: 'claude-haiku-4-5',
    sim: 'input=21;cached=18944;write5m=1456;write1h=2048;output=57',
    usage: { input_uncached: 21, cache_read: 18_944, cache_write_5m: 1456, cache_write_1h: 2048, output: 57 },
    rates: { input_uncached: 1000, cache_read: 100, cache_write_5m: 1250, cache_write_1h: 2000, output: 5000 },
  },
  {
    name: 'web searches',
    wires: ['messages'],
    model: 'claude-sonnet-4-5',
    sim: 'input=9870;output=164;web_searches=2',
    usage: { input_uncached: 9870, output: 164 },
    rates: { input_uncached: 3000, output: 15_000 },
    searches: 2 * 10_000_000,
  },
  {
    name: 'batch with thinking',
    wires: ['messages'],
    model: 'claude-sonnet-4-5',
    sim: 'input=300;cached=128;output=40;reasoning=600;tier=batch',
    usage: { input_uncached: 300, cache_read: 128, output: 40, reasoning: 600 },
    rates: { input_uncached: 1500, cache_read: 150, output: 7500, reasoning: 7500 },
  },
  {
    name: 'fast',
    wires: ['messages'],
    model: 'claude-opus-4-8',
    sim: 'input=44;write=96;output=29;speed=fast',
    usage: { input_uncached: 44, cache_write_5m: 96, output: 29 },
    rates: { input_uncached: 10_000, cache_write_5m: 12_500, output: 50_000 },
  },
  {
    name: 'thoughts beside the output',
    wires: GEMINIS,
    model: 'gemini-2.5-pro',
    sim: 'input=1552;cached=4096;output=310;reasoning=1466',
    usage: { input_uncached: 1552, cache_read: 4096, output: 310, reasoning: 1466 },
    rates: { input_uncached: 1250, cache_read: 125, output: 10_000, reasoning: 10_000 },
  },
  {
    name: "audio and a tool's prompt",
    wires: GEMINIS,
    model: 'gemini-2.5-flash',
    sim: 'input=400;tool_prompt=150;audio_in=1200;output=75;reasoning=30',
    usage: { input_uncached: 400, audio_in: 1200, output: 75, reasoning: 30 },
    rates: { input_uncached: 300, audio_in: 1000, output: 2500, reasoning: 2500 },
  },
  {
    name: 'web searches, by the prompt',
    wires: GEMINIS,
    model: 'gemini-2.5-flash',
    sim: 'input=500;cached=100;output=66;web_searches=4',
    usage: { input_uncached: 500, cache_read: 100, output: 66 },
    rates: { input_uncached: 300, cache_read: 30, output: 2500 },
    searches: 35_000_000,
  },
  {
    name: 'batch',
    wires: GEMINIS,
    model: 'gemini-2.5-pro',
    sim: 'input=1000;output=88;tier=batch',
    usage: { input_uncached: 1000, output: 88 },
    rates: { input_uncached: 625, output: 5000 },
  },
];

export function usageOf(priced: Pick<Priced, 'usage'>): Usage {
  return { ...zeroUsage(), ...priced.usage };
}

/** Nanodollars, by nothing but multiplying and adding. The numbers are chosen so that no fraction is left. */
export function costOf({ usage, rates, searches = 0 }: Pick<Priced, 'usage' | 'rates' | 'searches'>): number {
  let sum = searches;
  for (const [kind, tokens] of Object.entries(usage)) {
    const rate = Object.entries(rates).find(([name]) => name === kind)?.[1];
    if (rate === undefined) throw new Error(`no rate is written down for ${kind}`);
    sum += tokens * rate;
  }
  if (!Number.isSafeInteger(sum)) throw new Error(`${sum} is no whole number of nanodollars`);
  return sum;
}
