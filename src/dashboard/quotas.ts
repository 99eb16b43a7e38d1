import type { Fault } from '../contract/fault.ts';
import type { BucketRow, BucketTerms, QuotaStore } from '../contract/quota.ts';
import { byBytes } from '../lib/by-bytes.ts';
import type { QuotaQuestion } from '../quota/messages.ts';
import { BadParameter, Parameters } from './parameters.ts';
import { pageOf } from './queries.ts';
import type { Page } from './queries.ts';
import { refusal } from './routes.ts';
import type { ApiAnswer } from './asked.ts';

const LIMIT = 100;
const MOST = 1000;

/** A row, or a bucket that nobody has claimed from yet. */
type Shown = Omit<BucketRow, 'updatedAtMs'> & { updatedAtMs: number | null };

/** `GET /api/quotas`. Never rejects: `faultOf` says what becomes of an error of the store. */
export async function answerQuotas(
  store: Pick<QuotaStore, 'list'>,
  faultOf: (error: unknown) => Fault,
  question: QuotaQuestion,
): Promise<ApiAnswer> {
  const { method, path } = question;
  if (method !== 'GET') return refusal({ code: 'method_not_allowed', method, path, allow: 'GET' });
  try {
    const page = await listBuckets(store, question);
    return { status: 200, headers: [['content-type', 'application/json']], body: JSON.stringify(page) };
  } catch (error) {
    return refusal(error instanceof BadParameter ? error.fault : faultOf(error));
  }
}

/** A bucket as the API shows it: money in whole nanodollars, and never more of it than there is. */
export function shownBucket({ key, capacity, rate, balance, held, updatedAtMs }: Shown): unknown {
  return {
    bucket: key,
    capacity_nanodollars: wholeText(capacity),
    rate: { nanodollars: wholeText(rate.amount), per_ms: rate.periodMs },
    balance_nanodollars: wholeText(balance),
    held_nanodollars: wholeText(Math.ceil(held)),
    updated_at: updatedAtMs === null ? null : new Date(updatedAtMs).toISOString(),
  };
}

async function listBuckets(store: Pick<QuotaStore, 'list'>, { query, role, own }: QuotaQuestion): Promise<Page> {
  const given = new Parameters(query, ['limit', 'after']);
  const after = given.text('after');
  const limit = given.integer('limit', 1, MOST) ?? LIMIT;
  const rows =
    role === 'admin'
      ? await store.list({ ...(after === undefined ? {} : { after }), limit: limit + 1 })
      : await ownBuckets(store, own, after);
  const items = rows.map((row) => ({ item: shownBucket(row), key: row.key }));
  return pageOf(items, limit, ({ key }) => key);
}

/** A caller's own are few: read whole, with those that are not there yet, then cut. */
async function ownBuckets(
  store: Pick<QuotaStore, 'list'>,
  own: readonly BucketTerms[],
  after: string | undefined,
): Promise<Shown[]> {
  const found = await store.list({ keys: own.map(({ key }) => key), limit: own.length });
  const byKey = new Map<string, Shown>(own.map((terms) => [terms.key, full(terms)]));
  for (const row of found) byKey.set(row.key, row);
  return [...byKey.values()]
    .sort((left, right) => byBytes(left.key, right.key))
    .filter(({ key }) => after === undefined || byBytes(key, after) > 0);
}

function full(terms: BucketTerms): Shown {
  return { ...terms, balance: terms.capacity, held: 0, updatedAtMs: null };
}

function wholeText(nanodollars: number): string {
  return BigInt(Math.floor(nanodollars)).toString();
}
