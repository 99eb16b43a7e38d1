import type { Pool } from 'pg';
import { ACTIVITY_GROUPS, reportActivity } from './activity.ts';
import { ABOUT, aboutOf } from './about.ts';
import type { Asked, Found } from './asked.ts';
import { reportAdoption } from './adoption.ts';
import { BadParameter, Parameters } from './parameters.ts';
import { listQuotaSpend } from './quota-spend.ts';
import { told, wholeDays, wholeHours } from './range.ts';
import { sumUsage, USAGE_EXTRAS, USAGE_GROUPS, USAGE_INTERVALS } from './usage.ts';
import { asksForCsv, CSV_ROWS, csvHeaders, usageCsv, usageRows } from './usage-csv.ts';
import type { UsageRowsFilter } from './usage-csv.ts';

/** As Aperture's download has it: of each day, by model and user. */
const CSV_GROUPS = ['login', 'model'] as const;

/** The last 24 hours by model, unless asked otherwise. The range is widened to whole hours, and told as it was used. */
export async function usage({ pool, query, accept, owner, clock }: Asked): Promise<Found> {
  const given = new Parameters(query, [...ABOUT, 'from', 'to', 'group', 'interval', 'with', 'format']);
  const { fromMs, toMs } = wholeHours(given, clock);
  const range = { ...aboutOf(given, owner), fromMs, toMs };
  const interval = given.oneOf('interval', USAGE_INTERVALS);
  if ((given.oneOf('format', ['json', 'csv']) ?? (asksForCsv(accept) ? 'csv' : 'json')) === 'csv') {
    const groups = given.several('group', USAGE_GROUPS) ?? CSV_GROUPS;
    return usageDownload(pool, { ...range, groups, interval: interval ?? 'day' });
  }
  const group = given.oneOf('group', USAGE_GROUPS) ?? 'model';
  const extras = given.several('with', USAGE_EXTRAS) ?? [];
  if (extras.includes('groups') && interval === undefined) {
    throw new BadParameter('with', 'has groups, which are the items where no interval is asked for');
  }
  const report = await sumUsage(pool, { ...range, group, interval, extras });
  return { body: { ...told({ fromMs, toMs }), group, interval: interval ?? null, ...report } };
}

/** The same sums, to be downloaded: a row for each group and day. */
async function usageDownload(pool: Pool, filter: UsageRowsFilter): Promise<Found> {
  const { rows, truncated } = await usageRows(pool, filter);
  if (truncated) {
    const why = `leaves more than ${CSV_ROWS} rows, the most of one file; ask for a shorter time, or for fewer groups`;
    throw new BadParameter('from', why);
  }
  return { csv: usageCsv(filter.groups, rows), headers: csvHeaders(filter.fromMs, filter.toMs) };
}

/** What buckets were charged: of the last 24 hours, unless asked otherwise; users see their own. */
export async function quotaSpend({ pool, query, owner, ownBuckets, clock }: Asked): Promise<Found> {
  const given = new Parameters(query, ['from', 'to', 'interval', 'bucket']);
  const range = wholeHours(given, clock);
  const interval = given.oneOf('interval', USAGE_INTERVALS) ?? 'hour';
  const buckets = owner === undefined ? undefined : ownBuckets;
  const spend = await listQuotaSpend(pool, { ...range, interval, buckets, bucket: given.text('bucket') });
  return { body: { ...told(range), interval, ...spend } };
}

/** More than a year; of adoption, the days before the first are read too. */
const MOST_DAYS = 400;
const USUAL_DAYS = 30;

/** Of the last 30 days, today among them, unless asked otherwise; the range is widened to whole days. */
export async function adoption({ pool, query, owner, clock }: Asked): Promise<Found> {
  if (owner !== undefined) return { fault: { code: 'forbidden', what: '/api/adoption needs admin' } };
  const given = new Parameters(query, ['from', 'to']);
  const range = wholeDays(given, clock, { otherwise: USUAL_DAYS, most: MOST_DAYS });
  return { body: { ...told(range), ...(await reportAdoption(pool, range)) } };
}

/** How long models take to answer, and how many use them: of the last 30 days by model, unless asked otherwise. */
export async function activity({ pool, query, owner, clock }: Asked): Promise<Found> {
  const given = new Parameters(query, ['from', 'to', 'group', 'interval', 'model', 'agent', 'login']);
  const range = wholeDays(given, clock, { otherwise: USUAL_DAYS, most: MOST_DAYS });
  const group = given.oneOf('group', ACTIVITY_GROUPS) ?? 'model';
  const interval = given.oneOf('interval', ['day']);
  const about = { owner, login: given.text('login'), model: given.text('model'), agent: given.text('agent') };
  const report = await reportActivity(pool, { ...range, ...about, group, byDay: interval === 'day' });
  return { body: { ...told(range), group, interval: interval ?? null, ...report } };
}
