import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { APIS } from '../contract/api.ts';
import { ExchangeRecord } from '../contract/record.ts';
import { USAGE_KINDS } from '../contract/usage.ts';
import { EFFECTIVE, joinChanges } from './amendments.ts';

/** Which records: ids from `from`, inclusive, to `to`, exclusive. */
export interface PricedFilter {
  from: string;
  to: string;
  model: string | undefined;
  provider: string | undefined;
}

const Row = z.object({
  id: z.string(),
  /** Its newest amendment. */
  after: z.string().nullable(),
  api: z.enum(APIS),
  provider: z.string(),
  model: z.string(),
  ...ExchangeRecord.pick({
    usage: true,
    usage_detail: true,
    usage_flags: true,
    server_tools: true,
    model_served: true,
    service_tier: true,
    cost_nanodollars: true,
    cost_basis: true,
    reported_cost_nanodollars: true,
  }).shape,
});

/** What decides the price of a stored exchange, and its price, with all amendments applied. */
export type PricedRecord = z.infer<typeof Row>;

/** The lowest id there can be. */
const NOTHING_BEFORE = '00000000-0000-0000-0000-000000000000';

/** The next `limit` records behind `behind`, in the order of their ids. */
export async function pageOfPriced(
  on: Pool | PoolClient,
  { from, to, model, provider }: PricedFilter,
  behind: string | undefined,
  limit: number,
): Promise<PricedRecord[]> {
  const values: unknown[] = [from, to, behind ?? NOTHING_BEFORE, limit];
  const conditions = ['id >= $1', 'id < $2', 'id > $3'];
  for (const [name, value] of Object.entries({ model, provider })) {
    if (value !== undefined) conditions.push(`${name} = $${values.push(value)}`);
  }
  const answer = await on.query(
    `SELECT id, api, provider, model, ${SHOWN},
       (SELECT id FROM aperture.amendments WHERE record_id = page.id ORDER BY id DESC LIMIT 1) AS after
     FROM (
       SELECT * FROM aperture.records WHERE ${conditions.join(' AND ')} ORDER BY id LIMIT $4
     ) AS page ${joinChanges('page.id')}
     ORDER BY id`,
    values,
  );
  return z.array(Row).parse(answer.rows);
}

const now = (name: string): string => EFFECTIVE[name] ?? name;
const SHOWN = [
  ...['usage_detail', 'usage_flags', 'server_tools', 'model_served', 'service_tier', 'cost_basis'].map(
    (name) => `${now(name)} AS ${name}`,
  ),
  ...['cost_nanodollars', 'reported_cost_nanodollars'].map((name) => `(${now(name)})::text AS ${name}`),
  `CASE WHEN ${now('output')} IS NOT NULL
     THEN json_build_object(${USAGE_KINDS.map((kind) => `'${kind}', ${now(kind)}`).join(', ')}) END AS usage`,
].join(', ');
