import type { Pool } from 'pg';
import { zeroUsage } from '../../src/contract/usage.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import type { RecordStore } from '../../src/store/records.ts';
import { nanodollars } from '../pricing/support.ts';
import { seeded } from '../protocols/fixtures.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';

const BATCH = 500;
const HOUR_MS = 3_600_000;
const LOGINS = 7;

/** What a set of records comes to, in integers that lose nothing. */
interface Sums {
  requests: number;
  unknown: number;
  tokens: bigint;
  nanodollars: bigint;
}

/**
 * Stores `count` random records, priced as an inspector prices them, over some hours and callers, and gives what the
 * database's sums, of ledger and roll-ups, have different from sums by hand.
 */
export async function sumsOf(count: number, seed: number, store: RecordStore, pool: Pool): Promise<string[]> {
  const random = seeded(seed);
  const expected = new Map<string, Sums>();
  for (let done = 0; done < count; done += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - done) }, () => randomRecord(random, expected));
    await store.store(batch);
  }
  const ledger = await sumsIn(
    pool,
    'count(*)::int',
    'count(*) FILTER (WHERE cost_nanodollars IS NULL)::int',
    'aperture.records',
  );
  const rollups = await sumsIn(pool, 'sum(requests)::int', 'sum(cost_unknown)::int', 'aperture.rollup_hour');
  return [...expected].flatMap(([login, sums]) => {
    const want = shown(sums);
    const got = [`ledger ${ledger.get(login) ?? ''}`, `roll-ups ${rollups.get(login) ?? ''}`];
    return got.filter((each) => !each.endsWith(` ${want}`)).map((each) => `${login}: ${each}, by hand ${want}`);
  });
}

function shown({ requests, unknown, tokens, nanodollars: cost }: Sums): string {
  return `${requests} requests, ${unknown} unknown, ${tokens} tokens, ${cost} nanodollars`;
}

async function sumsIn(pool: Pool, requests: string, unknown: string, from: string): Promise<Map<string, string>> {
  const { rows } = await pool.query<{ login: string; told: string }>(
    `SELECT login, ${requests} || ' requests, ' || ${unknown} || ' unknown, ' ||
       sum(input_uncached + cache_read + output) || ' tokens, ' || sum(cost_nanodollars) || ' nanodollars' AS told
     FROM ${from} GROUP BY login`,
  );
  return new Map(rows.map(({ login, told }) => [login, told]));
}

function randomRecord(random: () => number, expected: Map<string, Sums>): ExchangeRecord {
  const below = (limit: number): number => Math.floor(random() * limit);
  const login = `user-${below(LOGINS)}@example.com`;
  const size = 10 ** (1 + below(7));
  const used = { input_uncached: below(size), cache_read: below(size), output: below(size) };
  const usage = { ...zeroUsage(), ...used };
  const [input, read, output] = [BigInt(used.input_uncached), BigInt(used.cache_read), BigInt(used.output)];
  const kind = below(20);
  const sums = expected.get(login) ?? { requests: 0, unknown: 0, tokens: 0n, nanodollars: 0n };
  expected.set(login, sums);
  sums.requests += 1;
  sums.tokens += input + read + output;
  let cost: bigint | null = null;
  if (kind === 0) {
    sums.unknown += 1;
  } else if (kind < 10) {
    // $5, $0.50 and $25 a million: whole nanodollars a token.
    cost = nanodollars({ basis: 'anthropic', modelRequested: 'claude-opus-4-8', usage });
    sums.nanodollars += input * 5000n + read * 500n + output * 25_000n;
  } else {
    // $0.05, $0.005 and $0.40 a million, times 0.01: half, a twentieth and four nanodollars a token.
    const map = [{ match: '*', as: 'gpt-5-nano', adjustment: '0.01' }];
    cost = nanodollars({ basis: 'openai', modelRequested: 'gpt-5-nano', usage, map });
    sums.nanodollars += halfEven(input * 10n + read + output * 80n, 20n);
  }
  return aRecord({
    login,
    received_at: TEST_TIME_MS - below(6) * HOUR_MS,
    usage,
    cost_nanodollars: cost === null ? null : cost.toString(),
  });
}

function halfEven(numerator: bigint, denominator: bigint): bigint {
  const floor = numerator / denominator;
  const rest = (numerator - floor * denominator) * 2n;
  return rest > denominator || (rest === denominator && (floor & 1n) === 1n) ? floor + 1n : floor;
}
