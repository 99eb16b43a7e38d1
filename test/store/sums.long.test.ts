import { expect, test } from 'vitest';
import { createRecordStore } from '../../src/store/records.ts';
import { startTestPostgres } from '../support/postgres.ts';
import { TEST_TIME_MS } from '../support/records.ts';
import { sumsOf } from './sums.ts';

test('failure mode 13: a million stored records sum to exact decimal arithmetic, in the ledger and in the roll-ups', async () => {
  const seed = Number(process.env['APERTURE_TEST_SEED'] ?? 20_261_123);
  console.log(`seed ${seed}, 1,000,000 records`);
  const postgres = await startTestPostgres('sums');
  try {
    const { pool } = await postgres.migrated();
    const store = createRecordStore(pool, { nowMs: () => TEST_TIME_MS });
    expect(await sumsOf(1_000_000, seed, store, pool)).toEqual([]);
  } finally {
    await postgres.stop();
  }
});
