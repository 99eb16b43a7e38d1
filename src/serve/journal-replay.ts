import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import type { Loaded } from '../../config/load.ts';
import { pricingOf } from '../../config/slices.ts';
import { COMMAND_LINE } from '../contract/audit.ts';
import { RECORDS_PER_JOB } from '../contract/limits.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { dollars, textTable, thousands } from '../dashboard/text-table.ts';
import { InspectorPool } from '../inspect/pool.ts';
import { sessionOfHeaders } from '../inspect/session.ts';
import { lockFolder, systemLockWorld } from '../journal/lock.ts';
import { replay } from '../journal/replay.ts';
import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { assemble } from '../records/assemble.ts';
import { recordAudit } from '../store/audit.ts';
import { migrate, openPool } from '../store/database.ts';
import { createRecordStore } from '../store/records.ts';
import type { RecordStore } from '../store/records.ts';
import { builtFile } from './built-file.ts';
import { journalFolders } from './journal-folders.ts';
import type { JournalPlace } from './journal-folders.ts';
import { openDatabase } from './open-database.ts';
import { readBack } from './replay.ts';
import { whoRuns } from './who-runs.ts';

const STATEMENT_MS = 60_000;
const CONNECT_MS = 10_000;

export interface ReplayOptions extends JournalPlace {
  /** Says what it would make, and stores nothing. */
  dryRun: boolean;
}

type Say = (text: string) => void;

/** What came of the exchanges of one folder. */
interface Tally {
  byState: Map<string, { records: number; costNanodollars: bigint; costUnknown: number }>;
  inserted: number;
  dead: number;
  /** Frames of exchanges whose beginning is not there. */
  orphans: number;
}

/**
 * `aperture journal replay`: makes the records of journals that no process has, and stores them. What the database has
 * already is not stored again, and the files stay as they are: a gateway that starts on them lets them go. Captures are
 * made by such a gateway alone.
 */
export async function replayJournals(
  options: ReplayOptions,
  loaded: Loaded,
  environment: Environment,
  log: Log,
  say: Say,
): Promise<number> {
  const folders = journalFolders(options);
  const inspectors = new InspectorPool({
    file: builtFile('inspector'),
    lanes: Math.max(1, availableParallelism() - 1),
    log,
    onMade: () => undefined,
  });
  inspectors.setWorld(1, pricingOf(loaded.config));
  await inspectors.ready();
  const replayAll = async (store: RecordStore | undefined): Promise<void> => {
    for (const folder of folders) say(`${folder}\n\n${tallyTable(await replayFolder(folder, inspectors, store))}\n`);
  };
  try {
    await (options.dryRun ? replayAll(undefined) : withStore(environment, folders, log, replayAll));
  } finally {
    await inspectors.close();
  }
  return 0;
}

/** Without a store, nothing is stored. */
async function replayFolder(
  folder: string,
  inspectors: InspectorPool,
  store: RecordStore | undefined,
): Promise<Tally & { stored: boolean }> {
  const tally: Tally = { byState: new Map(), inserted: 0, dead: 0, orphans: 0 };
  const lock = await lockFolder(folder, await systemLockWorld());
  try {
    let batch: ExchangeRecord[] = [];
    const flush = async (): Promise<void> => {
      const stored = await store?.store(batch);
      batch = [];
      tally.inserted += stored?.inserted ?? 0;
      tally.dead += stored?.dead ?? 0;
    };
    const onOrphan = (): void => {
      tally.orphans += 1;
    };
    for await (const found of replay({ folder, before: Infinity, onSegment: () => undefined, onOrphan })) {
      const { exchange, outcome } = await readBack(inspectors, found);
      const facts = outcome.ok ? outcome.value : undefined;
      const session = sessionOfHeaders(exchange.opened.request_headers);
      const charges = found.charged?.charges ?? [];
      const record = assemble({ ...exchange, gateway: found.gateway, facts, session, charges });
      count(tally, record);
      batch.push(record);
      if (batch.length === RECORDS_PER_JOB) await flush();
    }
    await flush();
    return { ...tally, stored: store !== undefined };
  } finally {
    await lock.release();
  }
}

async function withStore(
  environment: Environment,
  folders: readonly string[],
  log: Log,
  use: (store: RecordStore) => Promise<void>,
): Promise<void> {
  const database = await openDatabase(environment, resolve(environment.dataDir), log);
  const onError = (error: Error): void => {
    log.warn({ error: error.message }, 'the connection broke');
  };
  const pool = openPool(database.address, {
    name: 'replay',
    max: 1,
    statementMs: STATEMENT_MS,
    waitMs: CONNECT_MS,
    onError,
  });
  try {
    await migrate(pool);
    const entry = { atMs: systemClock.nowMs(), ...COMMAND_LINE, action: 'journal.replayed' } as const;
    await recordAudit(
      pool,
      folders.map((folder) => ({ ...entry, target: folder, details: whoRuns() })),
    );
    await use(createRecordStore(pool, systemClock));
  } finally {
    await pool.end();
    await database.embedded?.stop();
  }
}

function count({ byState }: Tally, { state, cost_nanodollars }: ExchangeRecord): void {
  const sums = byState.get(state) ?? { records: 0, costNanodollars: 0n, costUnknown: 0 };
  sums.records += 1;
  if (cost_nanodollars === null) sums.costUnknown += 1;
  else sums.costNanodollars += BigInt(cost_nanodollars);
  byState.set(state, sums);
}

function tallyTable({ byState, inserted, dead, orphans, stored }: Tally & { stored: boolean }): string {
  const cells = (records: number, costUnknown: number, costNanodollars: bigint): string[] => [
    thousands(String(records)),
    thousands(String(costUnknown)),
    dollars(String(costNanodollars)),
  ];
  const all = [...byState.values()];
  const records = all.reduce((sum, each) => sum + each.records, 0);
  const unknown = all.reduce((sum, each) => sum + each.costUnknown, 0);
  const cost = all.reduce((sum, each) => sum + each.costNanodollars, 0n);
  const rows = [...byState].map(([state, sums]) => [
    state,
    ...cells(sums.records, sums.costUnknown, sums.costNanodollars),
  ]);
  const notes = [
    stored
      ? `${inserted} stored, ${records - inserted - dead} were there already, ${dead} cannot be stored: see aperture dead-letters`
      : 'Nothing was stored: a dry run.',
    ...(orphans > 0 ? [`${orphans} exchanges whose beginning is damaged or gone make no record`] : []),
  ];
  const heads = ['state', 'records', 'without a cost', 'cost'];
  return [...textTable(heads, rows, ['total', ...cells(records, unknown, cost)], 1), '', ...notes].join('\n');
}
