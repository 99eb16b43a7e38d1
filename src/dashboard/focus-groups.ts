import type { Pool } from 'pg';
import { z } from 'zod';
import { USAGE_KINDS } from '../contract/usage.ts';
import type { UsageKind } from '../contract/usage.ts';
import { uuid7Floor } from '../lib/uuid7.ts';
import { effective, joinChanges } from '../store/amendments.ts';
import { DAY_MS } from './range.ts';
import type { Range } from './range.ts';

/** By what charges are told apart beside what they are for: it stands in their tags. */
export const FOCUS_GROUPS = ['login', 'tags', 'groups', 'node', 'agent', 'api'] as const;
export type FocusGroup = (typeof FOCUS_GROUPS)[number];

const GROUP_COLUMNS: Record<FocusGroup, string> = {
  login: 'login',
  tags: 'tags',
  groups: 'groups',
  node: 'node_id',
  agent: 'agent',
  api: 'api',
};

/** Exchanges of one day that were served and priced alike, together. */
export interface ChargedTogether {
  /** When the day begins, milliseconds since the epoch. */
  dayMs: number;
  provider: string;
  model: string;
  modelServed: string | null;
  serviceTier: string | null;
  speed: string | null;
  /** Of the limits of long contexts that were asked for: how many the input is above. */
  limitsPassed: number;
  costBasis: string | null;
  priceVersion: string | null;
  /** Passes beside what is counted were charged with it. */
  hasPasses: boolean;
  exchanges: number;
  /** Null where it is not known. */
  costNanodollars: bigint | null;
  usage: Record<UsageKind, bigint>;
  cachedAudio: bigint;
  searches: bigint;
  searchPrompts: bigint;
  /** What was asked to be told apart: a list has several. */
  by: Partial<Record<FocusGroup, string | string[]>>;
}

export interface BusyDay {
  dayMs: number;
  requests: number;
}

/** The days of a range that have anything at all, by the roll-ups: the others need not be read. */
export async function daysWithRequests(pool: Pool, { fromMs, toMs }: Range): Promise<BusyDay[]> {
  const { rows } = await pool.query(
    `SELECT extract(epoch FROM day)::float8 * 1000 AS "dayMs", sum(requests - refused)::float8 AS requests
       FROM aperture.rollup_day WHERE day >= $1 AND day < $2 AND requests > refused GROUP BY day ORDER BY day`,
    [new Date(fromMs), new Date(toMs)],
  );
  return z.array(z.object({ dayMs: z.number(), requests: z.number() })).parse(rows);
}

/** An id may be ahead of its time, or behind it, by what many ids of one millisecond need: a record is counted by its time. */
const SLACK_MS = 3_600_000;

export interface FocusQuestion {
  groups: readonly FocusGroup[];
  /** Input tokens above which some model has other rates; ascending. */
  limits: readonly number[];
  most: number;
}

/** Records of one statement, nearly: it takes a second or two, of the ten that it may. */
const REQUESTS_AT_ONCE = 100_000;
const DAY_HOURS = 24;

/** What a day came to, by the hour where it is a busy one. */
export async function chargesOf(pool: Pool, day: BusyDay, question: FocusQuestion): Promise<ChargedTogether[]> {
  const parts = Math.min(DAY_HOURS, Math.ceil(day.requests / REQUESTS_AT_ONCE));
  const partMs = (DAY_MS / DAY_HOURS) * Math.ceil(DAY_HOURS / Math.max(1, parts));
  const found = new Map<string, ChargedTogether>();
  for (let atMs = day.dayMs; atMs < day.dayMs + DAY_MS; atMs += partMs) {
    const part = { fromMs: atMs, toMs: Math.min(atMs + partMs, day.dayMs + DAY_MS) };
    for (const each of await chargesWithin(pool, day.dayMs, part, question)) {
      const key = keyOf(each);
      const before = found.get(key);
      found.set(key, before === undefined ? each : together(before, each));
    }
  }
  return [...found.values()];
}

/** What tells it from others of its day. */
function keyOf(charged: ChargedTogether): string {
  const { provider, model, modelServed, serviceTier, speed, limitsPassed, costBasis, priceVersion, hasPasses } =
    charged;
  const isKnown = charged.costNanodollars !== null;
  return JSON.stringify([
    ...[provider, model, modelServed, serviceTier, speed, limitsPassed, costBasis, priceVersion, hasPasses, isKnown],
    charged.by,
  ]);
}

function together(a: ChargedTogether, b: ChargedTogether): ChargedTogether {
  const usage = { ...a.usage };
  for (const kind of USAGE_KINDS) usage[kind] += b.usage[kind];
  const [costA, costB] = [a.costNanodollars, b.costNanodollars];
  return {
    ...a,
    exchanges: a.exchanges + b.exchanges,
    costNanodollars: costA === null || costB === null ? null : costA + costB,
    usage,
    cachedAudio: a.cachedAudio + b.cachedAudio,
    searches: a.searches + b.searches,
    searchPrompts: a.searchPrompts + b.searchPrompts,
  };
}

/**
 * Not from the roll-ups, which do not have by which price a sum was charged. What has neither a cost nor usage is nothing that
 * could be charged.
 */
async function chargesWithin(
  pool: Pool,
  dayMs: number,
  { fromMs, toMs }: Range,
  { groups, limits, most }: FocusQuestion,
): Promise<ChargedTogether[]> {
  const keys = [...KEYS, ...groups.map((group) => GROUP_COLUMNS[group])];
  const positions = keys.map((_, at) => at + 1).join(', ');
  const { rows } = await pool.query(
    `WITH charged AS (
       SELECT ${READ.join(', ')} FROM aperture.records AS record WHERE ${OF_THE_TIME} AND NOT ${IS_AMENDED}
       UNION ALL
       SELECT ${READ.map((name) => `${effective(name)} AS ${name}`).join(', ')}
         FROM (SELECT * FROM aperture.records AS record WHERE ${OF_THE_TIME} AND ${IS_AMENDED}) AS page
         ${joinChanges('page.id')}
     )
     SELECT ${keys.join(', ')}, count(*)::int AS exchanges, ${SUMS.join(', ')}
       FROM (SELECT *, ${DERIVED} FROM charged WHERE cost_nanodollars IS NOT NULL OR output IS NOT NULL) AS each
      GROUP BY ${positions} ORDER BY ${positions} LIMIT $6`,
    [
      uuid7Floor(Math.max(0, fromMs - SLACK_MS)),
      uuid7Floor(toMs + SLACK_MS),
      new Date(fromMs),
      new Date(toMs),
      limits,
      most,
    ],
  );
  return z.array(Row).parse(rows).map(chargedFrom(dayMs, groups));
}

/** With the ids, as they say which partition. */
const OF_THE_TIME = 'id >= $1 AND id < $2 AND received_at >= $3 AND received_at < $4';
/** Few are: to join what amendments say of every record of a day would take longer than to sum them. */
const IS_AMENDED = `EXISTS (
  SELECT FROM aperture.amendments AS amendment
   WHERE amendment.record_id = record.id AND amendment.record_id >= $1 AND amendment.record_id < $2)`;

const READ = [
  ...['provider', 'model', 'model_served', 'service_tier', 'usage_detail', 'server_tools', 'cost_basis'],
  ...['price_version', 'cost_nanodollars', ...USAGE_KINDS, ...Object.values(GROUP_COLUMNS)],
];

/** Of a batch, lines were priced each by its own length, which is not kept. Extra passes are charged on top of what is counted. */
const DERIVED = `
  usage_detail ->> 'speed' AS speed,
  CASE WHEN usage_detail ? 'batch' THEN 0 ELSE coalesce(width_bucket(
    input_uncached + cache_read + cache_write_5m + cache_write_1h + cache_write_other + audio_in + image_in - 1,
    $5::bigint[]), 0) END AS limits_passed,
  usage_detail ? 'extra_iterations' AS has_passes,
  cost_nanodollars IS NOT NULL AS is_known,
  coalesce(floor((server_tools ->> 'web_search')::numeric), 0) AS searches,
  CASE WHEN jsonb_typeof(usage_detail -> 'cache_read_audio') = 'number'
    THEN least(greatest(floor((usage_detail ->> 'cache_read_audio')::numeric), 0), cache_read) ELSE 0 END AS audio`;

const KEYS = [
  ...['provider', 'model', 'model_served', 'service_tier', 'speed', 'limits_passed', 'cost_basis', 'price_version'],
  ...['has_passes', 'is_known'],
];

const SUMS = [
  'sum(cost_nanodollars)::text AS cost',
  ...USAGE_KINDS.map((kind) => `coalesce(sum(${kind}), 0)::text AS ${kind}`),
  'coalesce(sum(audio), 0)::text AS audio',
  'sum(searches)::text AS searches',
  '(count(*) FILTER (WHERE searches > 0))::text AS search_prompts',
];

const counted = z.string().transform(BigInt);
const Text = z.string().nullable();
const Row = z.looseObject({
  provider: z.string(),
  model: z.string(),
  model_served: Text,
  service_tier: Text,
  speed: Text,
  limits_passed: z.int(),
  cost_basis: Text,
  price_version: Text,
  has_passes: z.boolean(),
  exchanges: z.int(),
  cost: counted.nullable(),
  ...z.object(Object.fromEntries(USAGE_KINDS.map((kind) => [kind, counted]))).shape,
  audio: counted,
  searches: counted,
  search_prompts: counted,
});
const By = z.union([z.string(), z.array(z.string())]);
const Usage = z.record(z.enum(USAGE_KINDS), z.bigint());

function chargedFrom(dayMs: number, groups: readonly FocusGroup[]): (row: z.infer<typeof Row>) => ChargedTogether {
  return (row) => ({
    dayMs,
    provider: row.provider,
    model: row.model,
    modelServed: row.model_served,
    serviceTier: row.service_tier,
    speed: row.speed,
    limitsPassed: row.limits_passed,
    costBasis: row.cost_basis,
    priceVersion: row.price_version,
    hasPasses: row.has_passes,
    exchanges: row.exchanges,
    costNanodollars: row.cost,
    usage: Usage.parse(Object.fromEntries(USAGE_KINDS.map((kind) => [kind, row[kind]]))),
    cachedAudio: row.audio,
    searches: row.searches,
    searchPrompts: row.search_prompts,
    by: Object.fromEntries(groups.map((group) => [group, By.parse(row[GROUP_COLUMNS[group]])])),
  });
}
