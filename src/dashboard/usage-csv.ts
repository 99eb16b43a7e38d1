import type { Pool } from 'pg';
import { z } from 'zod';
import { USAGE_KINDS } from '../contract/usage.ts';
import { BEGINS, COUNTED, EACH_GROUP, rollups, SUMS, USAGE_COLUMNS } from './usage.ts';
import type { UsageGroup, UsageInterval, UsageRange } from './usage.ts';

export interface UsageRowsFilter extends UsageRange {
  groups: readonly UsageGroup[];
  interval: UsageInterval;
}

export interface UsageRows {
  /** Each a time, what was grouped by, all counts with commas, and nanodollars: exact, however large. */
  rows: string[][];
  truncated: boolean;
}

/** About 10 MB of text, in memory until the client has it. More is refused: half a table looks like a whole one. */
export const CSV_ROWS = 50_000;

/** What spreadsheets and dates of other tools read without help; the JSON has microseconds. */
const TIMES: Record<UsageInterval, string> = { day: 'YYYY-MM-DD', hour: 'YYYY-MM-DD"T"HH24:MI:SS"Z"' };

const Rows = z.array(z.array(z.coerce.string()));

/** In order of time, then of what is grouped by. */
export async function usageRows(pool: Pool, filter: UsageRowsFilter, most = CSV_ROWS): Promise<UsageRows> {
  const { groups, interval } = filter;
  const values: unknown[] = [];
  const from = rollups(filter, interval === 'hour', values);
  const keys = [1, ...groups.map((_, at) => at + 2)].join(', ');
  const { rows } = await pool.query({
    text: `
      SELECT to_char(begins AT TIME ZONE 'UTC', '${TIMES[interval]}'), ${groups.map((_, at) => `by_${at}`).join(', ')},
             concat_ws(',', ${COUNTS.join(', ')}), cost_nanodollars::text
        FROM (
          SELECT ${BEGINS[interval]} AS begins,
                 ${groups.map((group, at) => `${USAGE_COLUMNS[group]} AS by_${at}`).join(', ')}, ${SUMS}
            FROM ${from} ${groups.includes('group') ? EACH_GROUP : ''}
           GROUP BY ${keys} ORDER BY ${keys} LIMIT ${most + 1}
        ) AS summed
       ORDER BY ${keys}`,
    values,
    rowMode: 'array',
  });
  const all = Rows.parse(rows);
  return { rows: all.slice(0, most), truncated: all.length > most };
}

/** Written together by the database: a row is a handful of cells to read, and not two dozen. */
const COUNTS = [...COUNTED, ...USAGE_KINDS];

/** The sums as RFC 4180 has it: a head with the names of the API, CRLF after each line, quotes where they are needed. */
export function usageCsv(groups: readonly UsageGroup[], rows: readonly (readonly string[])[]): string {
  const head = ['time', ...groups, ...COUNTS, 'cost_dollars'];
  const lines = rows.map(([time = '', ...cells]) => {
    const [counts = '', nanodollars = ''] = cells.slice(groups.length);
    return [time, ...cells.slice(0, groups.length).map(textCell), counts, exactDollars(nanodollars)];
  });
  return [head, ...lines].map((cells) => `${cells.join(',')}\r\n`).join('');
}

/** The whole of it: `aperture-usage-2026-11-01-2026-12-01.csv`. */
export function csvHeaders(fromMs: number, toMs: number, what: 'usage' | 'focus' = 'usage'): [string, string][] {
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  return [
    ['content-type', 'text/csv; charset=utf-8; header=present'],
    ['content-disposition', `attachment; filename="aperture-${what}-${day(fromMs)}-${day(toMs)}.csv"`],
  ];
}

/** Whether an `accept` header asks for CSV: it names it, and does not name JSON as well. */
export function asksForCsv(accept: string | undefined): boolean {
  const types = (accept ?? '')
    .toLowerCase()
    .split(',')
    .map((range) => range.split(';').map((part) => part.trim()))
    .filter(([, ...parameters]) => !parameters.some((each) => /^q=0(\.0{0,3})?$/.test(each)))
    .map(([type]) => type);
  return types.includes('text/csv') && !types.includes('application/json');
}

/**
 * What a client chose itself, such as the name of a model. A spreadsheet takes text that begins like a formula for one,
 * and runs it with the rights of whoever opens the file: an apostrophe before it makes it text (OWASP, "CSV Injection").
 */
export function textCell(text: string): string {
  const inert = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}

function exactDollars(nanodollars: string): string {
  const minus = nanodollars.startsWith('-') ? '-' : '';
  const digits = nanodollars.slice(minus.length).padStart(10, '0');
  return `${minus}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}
