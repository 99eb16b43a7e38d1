import { expect, test } from 'vitest';
import { killRounds } from './kill-rounds.ts';

const ROUNDS = 20;
const SEED = 20261123;

test('failure mode 10: kill -9 under load loses no record and doubles none', { timeout: 240_000 }, async () => {
  const report = await killRounds(ROUNDS, SEED);
  expectExactBooks(report);
});

export function expectExactBooks({ rounds, finished, begun, records }: Awaited<ReturnType<typeof killRounds>>): void {
  const byId = new Map(records.map((record) => [record.id, record]));
  const states = new Map<string, number>();
  for (const { state } of records) states.set(state, (states.get(state) ?? 0) + 1);
  console.log(
    `kill -9: ${rounds} rounds, seed ${SEED}, ${finished.length} seen finished, ${begun.length} seen begun, ` +
      `${records.length} records ${JSON.stringify(Object.fromEntries(states))}`,
  );
  expect(finished.length).toBeGreaterThan(rounds * 10);
  expect(byId.size, 'an id stands twice').toBe(records.length);
  const wrong = finished
    .map(({ id, outputTokens }) => ({ id, outputTokens, record: byId.get(id) }))
    .filter(({ outputTokens, record }) => {
      const usage = record?.usage;
      const output = usage === null || usage === undefined ? Number.NaN : usage.output + usage.reasoning;
      return record?.state !== 'complete' || record.usage_state !== 'final' || output !== outputTokens;
    })
    .map(({ id, outputTokens, record }) => ({ id, outputTokens, state: record?.state, usage: record?.usage }));
  expect(wrong).toEqual([]);
  const missing = begun.filter((id) => !byId.has(id));
  expect(missing, 'begun and without a record').toEqual([]);
}
