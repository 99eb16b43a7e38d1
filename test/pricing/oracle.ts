import { readFileSync } from 'node:fs';
import { nanodollars, SOURCE } from './support.ts';
import type { Ask } from './support.ts';

/**
 * Exact costs computed in another way: straight from the source table's dollars (whole picodollars below 10^9 survive a
 * double), everything over one common denominator, rounded by comparing remainders of the final division alone.
 */
interface SourceModel {
  [field: string]: unknown;
  input: number;
  tiers?: ({ above_input_tokens: number } & Record<string, number>)[];
}

interface Source {
  models: Record<string, Record<string, SourceModel>>;
}

const source: Source = JSON.parse(readFileSync(SOURCE, 'utf8'));

function pico(dollars: number | undefined): bigint | undefined {
  return dollars === undefined ? undefined : BigInt(Math.round(dollars * 1e12));
}

/** A small generator with a seed (mulberry32): a failure can be run again. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const BASIS: Record<string, string> = {
  openai: 'openai',
  gemini: 'google',
  vertex: 'vertex',
  bedrock: 'bedrock',
  anthropic: 'anthropic',
};

/** Models with a price of output and a plain table entry; the rules for the rest have cases of their own. */
const candidates = Object.entries(source.models).flatMap(([provider, models]) =>
  Object.entries(models)
    .filter(([, model]) => typeof model['output'] === 'number' && model['output'] > 0 && model.input < 0.001)
    .map(([name, model]) => ({ provider, name, model })),
);

/**
 * Asks for `count` random costs and their sum, and gives the first few that differ from exact arithmetic.
 */
export function disagreements(count: number, seed: number): string[] {
  const random = generator(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const wrong: string[] = [];
  let ours = 0n;
  let exact = 0n;
  for (let round = 0; round < count && wrong.length < 5; round += 1) {
    const picked = candidates[below(candidates.length)]!;
    const size = 10 ** (1 + below(6));
    const usage = {
      input_uncached: below(size),
      cache_read: below(size),
      cache_write_5m: below(2) * below(size),
      cache_write_1h: below(2) * below(size),
      output: below(size),
      reasoning: below(size),
      audio_in: below(4) === 0 ? below(size) : 0,
      image_in: below(4) === 0 ? below(size) : 0,
    };
    const thousandths = below(3) === 0 ? 1 + below(3000) : 1000;
    const expected = expectedNanodollars(picked, usage, BigInt(thousandths));
    const asked: Ask = { basis: BASIS[picked.provider], modelRequested: picked.name, modelServed: picked.name, usage };
    const adjustment = (thousandths / 1000).toFixed(3);
    const map = [{ match: '*', as: picked.name, adjustment }];
    const mapped = thousandths !== 1000 && !picked.name.includes('/');
    const got = nanodollars(mapped ? { ...asked, map } : asked);
    const want = mapped ? expected : expectedNanodollars(picked, usage, 1000n);
    if (got !== want)
      wrong.push(`${picked.provider}/${picked.name} x${adjustment} ${JSON.stringify(usage)}: ${got} for ${want}`);
    ours += got;
    exact += want;
  }
  if (wrong.length === 0 && ours !== exact) wrong.push(`sum ${ours} for ${exact}`);
  return wrong;
}

function expectedNanodollars(
  { provider, model }: { provider: string; model: SourceModel },
  usage: Record<string, number>,
  thousandths: bigint,
): bigint {
  const inputKinds = ['input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'audio_in', 'image_in'];
  const total = inputKinds.reduce((sum, kind) => sum + (usage[kind] ?? 0), 0);
  const tier = (model.tiers ?? [])
    .filter((each) => total > each.above_input_tokens)
    .sort((a, b) => b.above_input_tokens - a.above_input_tokens)[0];
  const rate = (...names: string[]): bigint => {
    for (const name of names) {
      const given = tier?.[name] ?? model[name];
      if (typeof given !== 'number' || given === 0) continue;
      // Anthropic's rule for an hour of cache, which the source gives for the base only.
      const hourOfTier = name === 'cache_write_1h' && provider === 'anthropic' && tier !== undefined;
      return hourOfTier ? 2n * pico(tier['input'])! : pico(given)!;
    }
    throw new Error('no rate');
  };
  const numerator =
    BigInt(usage['input_uncached']!) * rate('input') +
    BigInt(usage['cache_read']!) * rate('cache_read', 'input') +
    BigInt(usage['cache_write_5m']!) * rate('cache_write_5m', 'cache_write', 'input') +
    BigInt(usage['cache_write_1h']!) * rate('cache_write_1h', 'cache_write', 'cache_write_5m', 'input') +
    BigInt(usage['audio_in']!) * rate('audio_in', 'input') +
    BigInt(usage['image_in']!) * rate('image_in', 'input') +
    BigInt(usage['output']!) * rate('output') +
    BigInt(usage['reasoning']!) * rate('reasoning', 'output');
  // Picodollars x thousandths over 1000 x 1000 is nanodollars.
  const scaled = numerator * thousandths;
  const floor = scaled / 1_000_000n;
  const rest = scaled - floor * 1_000_000n;
  const up = rest > 500_000n || (rest === 500_000n && (floor & 1n) === 1n);
  return up ? floor + 1n : floor;
}
