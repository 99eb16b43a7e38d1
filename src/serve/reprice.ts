import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Pool, PoolClient } from 'pg';
import type { Environment } from '../../config/environment.ts';
import type { Loaded } from '../../config/load.ts';
import { pricingOf } from '../../config/slices.ts';
import { COMMAND_LINE } from '../contract/audit.ts';
import type { PricingSlice } from '../contract/messages.ts';
import { Parameters } from '../dashboard/parameters.ts';
import { systemClock } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { packageRoot } from '../lib/package-root.ts';
import { uuid7Floor } from '../lib/uuid7.ts';
import { tableOf } from '../pricing/overrides.ts';
import { loadPriceTable } from '../pricing/table.ts';
import type { PriceTable } from '../pricing/table.ts';
import { amend, lockAllAmendments } from '../store/amendments.ts';
import type { Amendment } from '../store/amendments.ts';
import { recordAudit } from '../store/audit.ts';
import { inTransaction, isConflict, migrate, openPool } from '../store/database.ts';
import { pageOfPriced } from '../store/priced-records.ts';
import type { PricedFilter, PricedRecord } from '../store/priced-records.ts';
import { whoRuns } from './who-runs.ts';
import { openDatabase } from './open-database.ts';
import { priceAgain } from './price-again.ts';
import { repriceTable } from './reprice-table.ts';

export interface RepriceOptions {
  from?: string;
  to?: string;
  model?: string;
  provider?: string;
  apply: boolean;
}

/** Sums of the records that were looked at. */
export interface Tally {
  records: number;
  changed: number;
  /** With usage, and without a cost. */
  unknownBefore: number;
  unknownAfter: number;
  /** Nanodollars. */
  before: bigint;
  after: bigint;
}

export interface RepriceReport {
  priceVersion: string;
  /** By the name that was asked for. */
  models: Map<string, Tally>;
  total: Tally;
  /** Records that cannot be priced again, by the reason. */
  impossible: Map<string, number>;
  applied: boolean;
}

/** A page is a transaction, for whose while nothing that comes late is booked: some tens of milliseconds. */
const PAGE = 1_000;
/** Names come from clients; what is beyond is summed under one name. */
const MODELS_TOLD = 1_000;
const OTHERS = '(others)';
const STATEMENT_MS = 60_000;
const CONNECT_MS = 10_000;
const CONFLICT_ATTEMPTS = 6;

/** `aperture reprice`: prices stored records with this config, prints what changes and, with `apply`, books it. */
export async function reprice(
  options: RepriceOptions,
  loaded: Loaded,
  environment: Environment,
  log: Log,
  say: (text: string) => void,
): Promise<void> {
  const filter = filterOf(options, systemClock);
  const dataDir = resolve(environment.dataDir);
  if (environment.databaseUrl === undefined && !existsSync(dataDir)) {
    throw new Error(`${dataDir} does not exist: name the gateway's APERTURE_DATA_DIR or DATABASE_URL`);
  }
  const pricing = pricingOf(loaded.config);
  const table = tableOf(loadPriceTable(join(packageRoot(), 'config', 'prices.json')), pricing);
  const database = await openDatabase(environment, dataDir, log);
  const pool = openPool(database.address, {
    name: 'reprice',
    max: 1,
    statementMs: STATEMENT_MS,
    waitMs: CONNECT_MS,
    onError: (error) => {
      log.warn({ error: error.message }, 'the connection broke');
    },
  });
  try {
    await migrate(pool);
    const report = await repriceRecords({ pool, clock: systemClock, pricing, table, filter, apply: options.apply });
    say(repriceTable(report));
  } finally {
    await pool.end();
    await database.embedded?.stop();
  }
}

/** @throws BadParameter for a time that is none. Without an end, what is stored by now. */
function filterOf({ from, to, model, provider }: RepriceOptions, clock: Clock): PricedFilter {
  const query = new URLSearchParams();
  if (from !== undefined) query.set('from', from);
  if (to !== undefined) query.set('to', to);
  const times = new Parameters(query.toString(), ['from', 'to']);
  return {
    from: uuid7Floor(times.time('from') ?? 0),
    to: uuid7Floor(times.time('to') ?? clock.nowMs()),
    model,
    provider,
  };
}

export interface RepriceParts {
  pool: Pool;
  clock: Clock;
  pricing: PricingSlice;
  table: PriceTable;
  filter: PricedFilter;
  apply: boolean;
}

/**
 * Goes through the records in the order of their ids, a page at a time, whatever is stored meanwhile. Each page is
 * booked as a whole or not at all; what is booked already is not booked again.
 */
export async function repriceRecords(parts: RepriceParts): Promise<RepriceReport> {
  const report: RepriceReport = {
    priceVersion: parts.table.version,
    models: new Map(),
    total: noTally(),
    impossible: new Map(),
    applied: parts.apply,
  };
  if (parts.apply) await note(parts, { step: 'begun' });
  for (let behind: string | undefined; ;) {
    const page = await nextPage(parts, behind);
    for (const each of page) count(report, each);
    behind = page.at(-1)?.record.id;
    if (page.length < PAGE) break;
  }
  const { records, changed, before, after } = report.total;
  const sums = { records, changed, before_nanodollars: String(before), after_nanodollars: String(after) };
  if (parts.apply) await note(parts, { step: 'done', ...sums });
  return report;
}

/** In the audit log, before anything is booked and after all of it. */
function note({ pool, clock, table, filter }: RepriceParts, step: Record<string, unknown>): Promise<void> {
  const { model = null, provider = null } = filter;
  const details = { ...whoRuns(), ...step, model, provider, from_id: filter.from, to_id: filter.to };
  const entry = { atMs: clock.nowMs(), ...COMMAND_LINE, action: 'records.repriced' } as const;
  return recordAudit(pool, [{ ...entry, target: table.version, details }]);
}

interface Judged {
  record: PricedRecord;
  again: ReturnType<typeof priceAgain>;
}

async function nextPage(parts: RepriceParts, behind: string | undefined): Promise<Judged[]> {
  if (!parts.apply) return judgedPage(parts, parts.pool, behind);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inTransaction(parts.pool, async (client) => {
        // Read and booked under one lock: nothing that comes late can change a record in between.
        await lockAllAmendments(client);
        const page = await judgedPage(parts, client, behind);
        await amend(client, page.flatMap(amendmentOf), parts.clock.nowMs());
        return page;
      });
    } catch (error) {
      if (attempt === CONFLICT_ATTEMPTS || !isConflict(error)) throw error;
    }
  }
}

async function judgedPage(
  { pricing, table, filter }: RepriceParts,
  on: Pool | PoolClient,
  behind: string | undefined,
): Promise<Judged[]> {
  const records = await pageOfPriced(on, filter, behind, PAGE);
  return records.map((record) => ({ record, again: priceAgain(record, pricing, table) }));
}

function amendmentOf({ record, again }: Judged): Amendment[] {
  return again.kind === 'changed'
    ? [{ recordId: record.id, after: record.after, kind: 'price', body: again.body }]
    : [];
}

function noTally(): Tally {
  return { records: 0, changed: 0, unknownBefore: 0, unknownAfter: 0, before: 0n, after: 0n };
}

function count({ models, total, impossible }: RepriceReport, { record, again }: Judged): void {
  const name = models.has(record.model) || models.size < MODELS_TOLD ? record.model : OTHERS;
  const ofModel = models.get(name) ?? noTally();
  models.set(name, ofModel);
  const before = record.cost_nanodollars;
  const after = again.kind === 'changed' ? again.cost : before;
  for (const tally of [ofModel, total]) {
    tally.records += 1;
    if (again.kind === 'changed') tally.changed += 1;
    if (record.usage !== null && before === null) tally.unknownBefore += 1;
    if (record.usage !== null && after === null) tally.unknownAfter += 1;
    tally.before += BigInt(before ?? 0);
    tally.after += BigInt(after ?? 0);
  }
  if (again.kind === 'impossible') impossible.set(again.why, (impossible.get(again.why) ?? 0) + 1);
}
