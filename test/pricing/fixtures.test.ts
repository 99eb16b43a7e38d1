import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { USAGE_KINDS } from '../../src/contract/usage.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { ask } from './support.ts';

const FIXTURES = join(packageRoot(), 'test', 'fixtures');

const Expected = z.object({
  case: z.string(),
  model_requested: z.string().nullish(),
  model_served: z.string().nullish(),
  usage: z.partialRecord(z.enum(USAGE_KINDS), z.number()).nullish(),
  usage_detail: z.record(z.string(), z.unknown()).default({}),
  service_tier: z.string().nullish(),
  server_tools: z.record(z.string(), z.number()).default({}),
});

const BASIS_OF_FOLDER: Record<string, string> = {
  'anthropic-messages': 'anthropic',
  bedrock: 'bedrock',
  gemini: 'google',
  'openai-chat': 'openai',
  'openai-responses': 'openai',
  'openai-media': 'openai',
  'vertex-anthropic': 'vertex',
};

const cases = Object.entries(BASIS_OF_FOLDER).flatMap(([folder, basis]) =>
  readdirSync(join(FIXTURES, folder))
    .filter((file) => file.endsWith('.expected.json'))
    .map((file) => ({
      basis,
      expected: Expected.parse(JSON.parse(readFileSync(join(FIXTURES, folder, file), 'utf8'))),
    }))
    .filter(({ expected }) => (expected.usage ?? null) !== null)
    .map(({ basis, expected }) => ({ name: expected.case, basis, expected })),
);

/** Answers of models that no list has: their tokens are booked, their price is unknown. */
const UNPRICED = new Set([
  'openai-chat/stream-compat-reasoning-content',
  'openai-chat/stream-usage-every-chunk',
  'openai-responses/stream-compat-no-event-lines',
]);

function costOfFixture({ basis, expected }: (typeof cases)[number]) {
  return ask({
    basis,
    modelRequested: expected.model_requested ?? '',
    modelServed: expected.model_served ?? null,
    usage: expected.usage ?? null,
    usageDetail: expected.usage_detail,
    serviceTier: expected.service_tier ?? null,
    serverTools: expected.server_tools,
  });
}

test('there are fixtures of every vendor', () => {
  expect(cases.length).toBeGreaterThan(30);
});

describe('failure mode 1: an answer with tokens of a priced model has a price', () => {
  test.each(cases)('$name', (fixture) => {
    const cost = costOfFixture(fixture);
    if (UNPRICED.has(fixture.name)) {
      expect(cost).toEqual({ known: false, reason: 'model_unknown' });
    } else {
      expect(cost).toMatchObject({ known: true });
      expect(cost.known && cost.costNanodollars > 0n).toBe(true);
    }
  });
});

/** By hand, from the usage that expected.json states and the published prices. */
test.each([
  // 21 x 5000 + 18,944 x 500 + 1456 x 6250 + 2048 x 10,000 + 6 x 25,000
  ['anthropic-messages/unary-cache-5m-1h', 39_307_000n],
  // fast is twice $5 and $25: 9 x 10,000 + 5 x 50,000
  ['anthropic-messages/unary-speed-fast', 340_000n],
  // 9870 x 3000 + 164 x 15,000 + a search of a cent
  ['anthropic-messages/stream-web-search', 42_070_000n],
  // 114 x 4000 + 4096 x 5000 + 6 x 20,000
  ['openai-chat/unary-cache-write', 21_056_000n],
])('%s costs %d nanodollars', (name, nanodollars) => {
  const fixture = cases.find((each) => each.name === name);
  if (fixture === undefined) throw new Error(`no fixture ${name}`);
  expect(costOfFixture(fixture)).toMatchObject({ known: true, costNanodollars: nanodollars, flags: [] });
});
