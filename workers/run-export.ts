import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { egressFaultText } from '../src/contract/egress.ts';
import { EXPORT_FILE_BYTES, EXPORT_PART_BYTES } from '../src/contract/limits.ts';
import type { FileBounds } from '../src/export/record-file.ts';
import { objectKey, putRequest, refusalOf } from '../src/export/s3.ts';
import type { ExportSettings, FromExport, ToExport } from '../src/export/messages.ts';
import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { unreachable } from '../src/lib/result.ts';
import { createEgress, EGRESS_DEFAULTS } from '../src/sinks/egress.ts';
import { openPool } from '../src/store/database.ts';
import type { DatabaseAddress } from '../src/store/database.ts';
import { createExportStore } from '../src/store/exports.ts';
import type { OpenFile } from '../src/store/exports.ts';
import { authorities } from './authorities.ts';
import { fillFile } from './export-file.ts';
import { quietly } from './quietly.ts';

export interface ExportParts {
  database: DatabaseAddress;
  settings: ExportSettings;
  clock: Clock;
  log: Log;
  post: (message: FromExport) => void;
  options?: ExportOptions;
}

export interface ExportOptions {
  /** Between two looks at whether something is due. */
  lookMs: number;
  /** Between two reports of how it stands. */
  reportMs: number;
  /** A process that dies is followed by another after this. */
  leaseMs: number;
  bounds: FileBounds;
}

export const EXPORT_DEFAULTS: ExportOptions = {
  lookMs: 1_000,
  reportMs: 10_000,
  leaseMs: 6_000,
  bounds: { itemBytes: EXPORT_FILE_BYTES, partBytes: EXPORT_PART_BYTES },
};

export interface Exporter {
  take(message: ToExport): void;
  close(): Promise<void>;
}

const POOL = { name: 'export', max: 4, statementMs: 20_000, waitMs: 5_000 };
/** After the first failure; doubled by each. */
const RETRY_MS = 1_000;
const RETRY_AT_MOST_MS = 600_000;

/**
 * Exports what is stored to a bucket: one file at a time, by one process of several. A file is in the database before its
 * upload begins, so that whatever dies in between, it is the same file again.
 */
export function runExport({ database, settings, clock, log, post, options = EXPORT_DEFAULTS }: ExportParts): Exporter {
  const stop = new AbortController();
  const stopped = (): boolean => stop.signal.aborted;
  const complain = quietly(clock, log);
  const onError = (error: unknown): void => {
    if (!stopped()) complain('database', error);
  };
  const pool = openPool(database, { ...POOL, onError });
  const store = createExportStore(pool);
  const egress = createEgress({ allow: [], ca: undefined }, EGRESS_DEFAULTS);
  const holder = randomUUID();
  const counts = { files: 0, failures: 0 };
  let now = settings;
  let changed = true;
  let holding = false;

  const report = async (): Promise<void> => {
    post({ kind: 'state', state: { ...(await store.look()), ...counts } });
  };

  /** True where another may follow at once. */
  const upload = async (file: OpenFile): Promise<boolean> => {
    const { bucket } = now;
    const refused = await put(file, bucket);
    if (refused === undefined) {
      await store.uploaded(file.id, bucket.name);
      counts.files += 1;
      log.info({ object: file.key, bucket: bucket.name, records: file.records, bytes: file.bytes }, 'exported');
      return true;
    }
    if (stopped()) return false;
    counts.failures += 1;
    const waitMs = retryMs(file.attempts);
    await store.failed(file.id, refused, waitMs);
    log.warn({ object: file.key, bucket: bucket.name, attempt: file.attempts + 1, why: refused }, 'export failed');
    return false;
  };

  /** Undefined where the bucket took it; else why not. */
  const put = async (file: OpenFile, bucket: ExportSettings['bucket']): Promise<string | undefined> => {
    if (bucket.credentials === undefined) {
      return 'there are no credentials: neither in exporters.s3 nor in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)';
    }
    const object = { key: file.key, body: await store.bodyOf(file) };
    // What is thrown quotes headers, and so credentials.
    const request = await putRequest(bucket, bucket.credentials, object, clock.nowMs()).catch(() => undefined);
    if (request === undefined) return 'no request can be signed with these credentials';
    const answered = await egress.send(request);
    return answered.ok ? refusalOf(answered.value) : egressFaultText(answered.fault);
  };

  /** The next file, where there is something to put into it. */
  const make = async (): Promise<OpenFile | undefined> => {
    const { limit, bucket, format } = now;
    // One more than the file may hold: whether the next one follows at once.
    let ready = await store.ready(limit + 1);
    while (ready.ids.length <= limit && !stopped() && (await store.backfill(holder))) {
      ready = await store.ready(limit + 1);
    }
    const { firstNumber } = ready;
    const ids = ready.ids.slice(0, limit);
    if (ids.length === 0 || stopped()) return undefined;
    const filled = await fillFile(pool, { format, firstNumber, ids }, options.bounds, stopped);
    if (filled === undefined) return undefined;
    return store.make(
      holder,
      {
        ...filled,
        firstNumber,
        ids: ids.slice(0, filled.records),
        key: (unixSeconds) => objectKey(bucket.prefix, unixSeconds, format),
        full: filled.records < ready.ids.length,
      },
      clock.nowMs(),
    );
  };

  /** True where something was exported: then there may be more. */
  const exportOnce = async (): Promise<boolean> => {
    await store.begin();
    if (changed) {
      await store.tryNow();
      changed = false;
    }
    holding = await store.hold(holder, options.leaseMs);
    if (!holding) return false;
    const open = await store.openFile();
    if (open !== undefined) return open.due && upload(open);
    if (!(await store.isDue(now.everyMs))) return false;
    const made = await make();
    return made !== undefined && upload(made);
  };

  const watch = async (): Promise<void> => {
    while (!stopped()) {
      let more = false;
      try {
        more = await exportOnce();
        if (more) await report();
      } catch (error) {
        onError(error);
      }
      if (!more) await sleep(options.lookMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
    if (holding) await store.release(holder).catch(onError);
  };

  const every = async (ms: number, work: () => Promise<void>): Promise<void> => {
    while (!stopped()) {
      await work().catch(onError);
      await sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };

  const reconfigure = (next: ExportSettings): void => {
    now = next;
    changed = true;
    egress.reconfigure({
      allow: next.allow,
      ca: authorities(next.caFile, (error) => {
        log.error({ file: next.caFile, error: errorChain(error) }, 'server.egress.ca_file cannot be read');
      }),
    });
  };
  reconfigure(settings);
  const watching = watch();
  const others = [
    every(options.reportMs, report),
    every(options.leaseMs / 3, async () => {
      if (holding) await store.hold(holder, options.leaseMs);
    }),
  ];

  /** An upload that is under way may end; a file that is being made is given up. */
  const drain = async (withinMs: number): Promise<void> => {
    stop.abort();
    const timer = new AbortController();
    await Promise.race([watching, sleep(withinMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    post({ kind: 'drained' });
  };

  return {
    take: (message) => {
      switch (message.kind) {
        case 'settings':
          reconfigure(message.settings);
          return;
        case 'drain':
          void drain(message.withinMs);
          return;
        default:
          return unreachable(message);
      }
    },
    close: async () => {
      stop.abort();
      await egress.close();
      await Promise.all([watching, ...others]);
      await pool.end();
    },
  };
}

/** With jitter: processes that fail together do not come back together. */
function retryMs(attempts: number): number {
  return Math.min(RETRY_AT_MOST_MS, RETRY_MS * 2 ** Math.min(attempts, 20)) * (0.75 + Math.random() / 2);
}
