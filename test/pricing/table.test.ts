import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { RATE_NAMES } from '../../src/contract/price.ts';
import { parsePriceTable } from '../../src/pricing/table.ts';
import { PRICES } from './support.ts';

/** What a price is, said a second time: the table is read in a quicker way. */
const Rates = z.partialRecord(z.enum(RATE_NAMES), z.int().min(0));
const Price = z.object({
  mode: z.string(),
  rates: Rates,
  tiers: z.array(z.object({ above_input_tokens: z.int().positive(), rates: Rates })).default([]),
  services: z.partialRecord(z.enum(['batch', 'flex', 'priority', 'fast']), Rates).default({}),
  web_search: z.object({ picodollars: z.int().min(0), per: z.enum(['search', 'prompt']) }).optional(),
  context: z.record(z.string(), z.int()).optional(),
});
const File = z.object({ providers: z.record(z.string(), z.record(z.string(), z.unknown())) });

/** A table of this one model, read. */
function read(price: unknown): unknown {
  const providers = { openai: { m: price }, anthropic: {}, gemini: {}, vertex: {}, bedrock: {} };
  const table = parsePriceTable(JSON.stringify({ version: '1', providers }));
  return table.ok ? table.value.providers.get('openai')?.get('m') : undefined;
}

const shipped = Object.values(File.parse(JSON.parse(readFileSync(PRICES, 'utf8'))).providers).flatMap((models) =>
  Object.values(models),
);

test('every price of the shipped table is read as its schema reads it', () => {
  expect(shipped.length).toBeGreaterThan(700);
  for (const price of shipped) expect(read(price)).toEqual(Price.parse(price));
});

/** What may stand in the place of anything in a price. */
const rubbish = fc.constantFrom<unknown>(
  null,
  -1,
  0.5,
  1e17,
  '1',
  [],
  [1],
  {},
  { input: 1 },
  { input: -1 },
  { inputs: 1 },
  true,
  7,
);

test('a price with anything wrong in it is none, and with what is not known in it is read without that', () => {
  const places = fc.tuple(fc.constantFrom(...shipped), fc.array(fc.nat(), { maxLength: 3 }), fc.string(), rubbish);
  fc.assert(
    fc.property(places, ([price, path, added, value]) => {
      const damaged: unknown = withRubbish(price, path, added, value);
      const expected = Price.safeParse(damaged);
      expect(read(damaged)).toEqual(expected.success ? expected.data : undefined);
    }),
    { numRuns: 2_000, seed: 20_261_129 },
  );
});

/** A copy with `value` where the path leads, or beside it under another name. */
function withRubbish(from: unknown, [at, ...path]: number[], added: string, value: unknown): unknown {
  if (at === undefined || typeof from !== 'object' || from === null) return value;
  const entries = Object.entries(from);
  const [name, next] = entries[at % (entries.length + 1)] ?? [added, undefined];
  const changed = [...entries.filter(([key]) => key !== name), [name, withRubbish(next, path, added, value)]] as const;
  return Array.isArray(from) ? changed.map(([, each]): unknown => each) : Object.fromEntries(changed);
}
