import type { CaptureJournal, CaptureOrder, CaptureSettings, FromCapture, ToCapture } from '../src/capture/messages.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { unreachable } from '../src/lib/result.ts';
import { createCaptureStore } from '../src/store/captures.ts';
import { openPool } from '../src/store/database.ts';
import { createHookPayloadStore } from '../src/store/hook-payloads.ts';
import { captureBatch } from './capture-batch.ts';
import type { BatchTargets, Stored } from './capture-batch.ts';
import { BlobWriter } from './capture-blobs.ts';
import { HookTeller } from './capture-hooks.ts';
import { OrderLoop } from './capture-orders.ts';
import type { CaptureData } from './thread-data.ts';
import { createUntilDone } from './until-done.ts';

export interface CaptureParts {
  data: CaptureData;
  log: Log;
  post: (message: FromCapture) => void;
}

export interface CaptureWorker {
  take(message: ToCapture): void;
  close(): Promise<void>;
}

/** One batch at a time, one statement at a time. */
const CONNECTIONS = 1;
const STATEMENT_MS = 20_000;
const CONNECT_MS = 5_000;

/**
 * Makes captures: reads exchanges from the journal's files, cuts their bodies into blobs, and stores those in the database,
 * then what names them. Many exchanges at once where many have ended. Waits for a database that is away: the journal
 * keeps the bodies until then.
 */
export function runCapture({ data, log, post }: CaptureParts): CaptureWorker {
  const quietly = (error: unknown): void => {
    log.debug({ error: errorChain(error) }, 'away or failing; it is tried again');
  };
  const pool = openPool(data.database, {
    name: 'captures',
    max: CONNECTIONS,
    statementMs: STATEMENT_MS,
    waitMs: CONNECT_MS,
    onError: quietly,
  });
  const stop = new AbortController();
  const untilDone = createUntilDone(stop.signal, quietly);
  const database = createCaptureStore(pool, () => settings.keep);
  const targets: BatchTargets = {
    blobs: new BlobWriter((blobs) => untilDone(() => database.storeBlobs(blobs))),
    hooks: new HookTeller(createHookPayloadStore(pool), untilDone, log),
    storeCaptures: (gateway, captures) => untilDone(() => database.storeCaptures(gateway, captures)),
  };
  let settings: CaptureSettings = { keep: true, saveRaws: false, filterable: [] };
  let disconnects = 0;
  // A database that was away may have been restored from a backup, and has not what it had.
  pool.on('remove', () => {
    disconnects += 1;
    targets.blobs.forget();
  });

  const capture = async (journal: CaptureJournal, orders: readonly CaptureOrder[]): Promise<void> => {
    let stored: Stored;
    let before: number;
    // Where the connection broke, blobs that were stored before, or taken for known, may not be where the captures are.
    do {
      before = disconnects;
      stored = await captureBatch(targets, settings, journal, orders);
    } while (disconnects !== before);
    const ids = orders.map(({ id }) => id);
    const { captures, early } = stored;
    post({ kind: 'captured', ids: ids.filter((id) => captures.has(id)) });
    if (early.size > 0) post({ kind: 'early', ids: ids.filter((id) => early.has(id)) });
    const unreadable = ids.filter((id) => !captures.has(id) && !early.has(id));
    if (unreadable.length > 0) post({ kind: 'unreadable', ids: unreadable });
  };

  /** Where one of them cannot be captured, the others are, each by itself. */
  const captureEach = async (orders: readonly CaptureOrder[]): Promise<void> => {
    const [first] = orders;
    if (first === undefined) return;
    try {
      await capture(first.journal, orders);
    } catch (error) {
      if (stop.signal.aborted) return;
      if (orders.length > 1) {
        for (const order of orders) await captureEach([order]);
        return;
      }
      // Bytes that are not there or not ours, or that the database rejects: trying again would find the same.
      const ids = orders.map(({ id }) => id);
      log.warn({ exchanges: ids, error: errorChain(error) }, 'an exchange could not be captured');
      post({ kind: 'unreadable', ids });
    }
  };

  const loop = new OrderLoop(captureEach, stop.signal);

  post({ kind: 'ready' });
  return {
    take: (message) => {
      switch (message.kind) {
        case 'settings':
          settings = message.settings;
          // Where nothing was to be kept for a while, what had been stored is gone.
          targets.blobs.forget();
          return;
        case 'capture':
          loop.add(message.orders);
          return;
        case 'drain':
          void loop.drain(message.withinMs).then((left) => {
            post({ kind: 'drained', left });
          });
          return;
        default:
          return unreachable(message);
      }
    },
    close: async () => {
      stop.abort();
      loop.close();
      await pool.end();
    },
  };
}
