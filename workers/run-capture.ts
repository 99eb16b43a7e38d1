import { setTimeout as sleep } from 'node:timers/promises';
import { takeBatch } from '../src/capture/batch.ts';
import { ExchangeCapture } from '../src/capture/exchange.ts';
import type { CaptureJournal, CaptureOrder, CaptureSettings, FromCapture, ToCapture } from '../src/capture/messages.ts';
import { pack } from '../src/capture/pack.ts';
import type { Blob } from '../src/capture/recipe.ts';
import type { PostFacts } from '../src/contract/guardrail.ts';
import { PostCall } from '../src/guardrails/hooks/post-call.ts';
import type { Told } from '../src/guardrails/hooks/post-call.ts';
import { readCaptured } from '../src/journal/captured.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { Lru } from '../src/lib/lru.ts';
import { unreachable } from '../src/lib/result.ts';
import { createCaptureStore } from '../src/store/captures.ts';
import type { BlobOwner, OwnedBlob } from '../src/store/captures.ts';
import { isDataError, openPool } from '../src/store/database.ts';
import { createHookPayloadStore } from '../src/store/hook-payloads.ts';
import { dayOf } from '../src/store/partitions.ts';
import type { CaptureData } from './thread-data.ts';

export interface CaptureParts {
  data: CaptureData;
  log: Log;
  post: (message: FromCapture) => void;
}

/** Ids of some orders: captured, and left for later since hooks wait for their records. */
interface Stored {
  captures: Set<string>;
  early: Set<string>;
}

export interface CaptureWorker {
  take(message: ToCapture): void;
  close(): Promise<void>;
}

/** One batch at a time, one statement at a time. */
const CONNECTIONS = 1;
const STATEMENT_MS = 20_000;
const CONNECT_MS = 5_000;
/** Blobs of a long body go to the database before it is read to its end. */
const STORE_FROM_BYTES = 8 * 1024 * 1024;
/** Pause before a database that is away is tried again. */
const RETRY_MS = 1_000;
/**
 * Orders of an exchange whose record does not come: about an hour. Then its hooks are told without what only the record
 * says, as it may be a dead letter.
 */
const RECORD_WAITS = 720;
/** Blobs known to be in the database: an agent's next turn repeats those of the last. About 10 MiB. */
const KNOWN_BLOBS = 65_536;

/**
 * Makes captures: reads exchanges from the journal's files, cuts their bodies into blobs, and stores those in the database,
 * then what names them. Many exchanges at once where many have ended. Waits for a database that is away: the journal
 * keeps the bodies until then.
 */
export function runCapture({ data, log, post }: CaptureParts): CaptureWorker {
  const quietly = (error: unknown): void => {
    log.debug({ error: errorChain(error) }, 'away or failing; it is tried again');
  };
  const known = new Lru<string, true>(KNOWN_BLOBS);
  const pool = openPool(data.database, {
    name: 'captures',
    max: CONNECTIONS,
    statementMs: STATEMENT_MS,
    waitMs: CONNECT_MS,
    onError: quietly,
  });
  let disconnects = 0;
  // A database that was away may have been restored from a backup, and has not what it had.
  pool.on('remove', () => {
    disconnects += 1;
    known.clear();
  });
  const database = createCaptureStore(pool, () => settings.keep);
  const payloads = createHookPayloadStore(pool);
  const stop = new AbortController();
  const waiting: CaptureOrder[] = [];
  let settings: CaptureSettings = { keep: true, saveRaws: false, filterable: [] };
  let inHand = 0;
  let idle: (() => void)[] = [];

  /** @throws Error what the database rejects for what it is, and whatever it was when we are told to stop. */
  const untilStored = async (work: () => Promise<void>): Promise<void> => {
    for (;;) {
      try {
        await work();
        return;
      } catch (error) {
        if (isDataError(error) || stop.signal.aborted) throw error;
        quietly(error);
        await sleep(RETRY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
  };

  /** The same for queries. */
  const untilAnswered = async <T>(ask: () => Promise<T>): Promise<T> => {
    const answers: T[] = [];
    await untilStored(async () => {
      answers.push(await ask());
    });
    const [answer] = answers;
    if (answer === undefined) throw new Error('stopped');
    return answer;
  };

  /** What records say of the exchanges that hooks are told of, of those whose records are known. */
  const postFacts = async (orders: readonly CaptureOrder[]): Promise<Map<string, PostFacts>> => {
    const unknown = orders.filter(({ post }) => post === undefined).map(({ id }) => id);
    const found =
      unknown.length === 0 ? new Map<string, PostFacts>() : await untilAnswered(() => payloads.facts(unknown));
    for (const { id, post, waited = 0 } of orders) {
      if (post !== undefined) found.set(id, post);
      else if (!found.has(id) && waited >= RECORD_WAITS) found.set(id, factsWithoutRecord(id));
    }
    return found;
  };

  /** Before the capture is stored: whoever sees that need not look here again. */
  const tellHooks = async (id: string, call: PostCall, facts: PostFacts): Promise<void> => {
    for await (const { hook, event, body } of readable(id, call.calls(facts))) {
      const { encoding, body: stored } = pack(body);
      const payload = { bytes: body.length, encoding, body: stored };
      await untilStored(() => payloads.tell({ exchange: id, hook, event, payload }));
    }
  };

  /** A body that we fail to read costs its hooks the call, and nobody the capture. */
  const readable = async function* (id: string, calls: AsyncGenerator<Told>): AsyncGenerator<Told> {
    try {
      yield* calls;
    } catch (error) {
      log.error({ exchange: id, error: errorChain(error) }, 'hooks could not be told of an exchange');
    }
  };

  const storeBlobs = async (exchanges: Iterable<ExchangeCapture>): Promise<void> => {
    const fresh = new Map<string, OwnedBlob>();
    for (const exchange of exchanges) {
      const { login } = exchange;
      if (login === undefined) continue;
      const owner: BlobOwner = { day: dayOf(exchange.order.id), login };
      for (const blob of exchange.takeBlobs()) {
        const key = `${owner.day} ${login} ${blob.sha256.toString('base64')}`;
        if (known.get(key) === undefined && !fresh.has(key)) fresh.set(key, { ...owner, ...packed(blob) });
      }
    }
    if (fresh.size === 0) return;
    await untilStored(() => database.storeBlobs([...fresh.values()]));
    for (const key of fresh.keys()) known.set(key, true);
  };

  /** Stores the captures of these orders, and tells their hooks; answers the ids of those that there are. */
  const store = async ({ folder, gateway }: CaptureJournal, orders: readonly CaptureOrder[]): Promise<Stored> => {
    const exchanges = new Map(orders.map((order) => [order.id, new ExchangeCapture(order, settings)]));
    const calls = new Map(orders.map(({ id }) => [id, new PostCall()]));
    let heldBytes = 0;
    for await (const frames of readCaptured(folder, orders)) {
      for (const { exchange, sequence, says } of frames) {
        exchanges.get(exchange)?.add(sequence, says);
        calls.get(exchange)?.add(says);
        if ('bytes' in says) heldBytes += says.bytes.length;
      }
      if (heldBytes < STORE_FROM_BYTES) continue;
      heldBytes = 0;
      await storeBlobs(exchanges.values());
    }
    const due = orders.filter(({ id }) => calls.get(id)?.isDue === true);
    const facts = await postFacts(due);
    const early = new Set<string>(due.filter(({ id }) => !facts.has(id)).map(({ id }) => id));
    const captures = [...exchanges.values()].flatMap((exchange) => exchange.end() ?? []);
    await storeBlobs(exchanges.values());
    for (const { id } of due) {
      const [call, said] = [calls.get(id), facts.get(id)];
      if (call !== undefined && said !== undefined) await tellHooks(id, call, said);
      // Its bodies are long, and not needed any more.
      calls.delete(id);
    }
    const ready = captures.filter(({ id }) => !early.has(id));
    await untilStored(() => database.storeCaptures(gateway, ready));
    return { captures: new Set(ready.map(({ id }) => id)), early };
  };

  const capture = async (journal: CaptureJournal, orders: readonly CaptureOrder[]): Promise<void> => {
    let stored: Stored;
    let before: number;
    // Where the connection broke, blobs that were stored before, or taken for known, may not be where the captures are.
    do {
      before = disconnects;
      stored = await store(journal, orders);
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

  const work = async (): Promise<void> => {
    while (waiting.length > 0 && !stop.signal.aborted) {
      const orders = takeBatch(waiting);
      inHand = orders.length;
      await captureEach(orders);
      inHand = 0;
    }
    for (const wake of idle.splice(0)) wake();
  };

  const drain = async (withinMs: number): Promise<void> => {
    const allCaptured = new Promise<void>((resolve) => {
      if (inHand === 0) resolve();
      else idle.push(resolve);
    });
    await Promise.race([allCaptured, sleep(withinMs)]);
    post({ kind: 'drained', left: waiting.length + inHand });
  };

  post({ kind: 'ready' });
  return {
    take: (message) => {
      switch (message.kind) {
        case 'settings':
          settings = message.settings;
          // Where nothing was to be kept for a while, what had been stored is gone.
          known.clear();
          return;
        case 'capture':
          waiting.push(...message.orders);
          if (inHand === 0) void work();
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
      idle = [];
      await pool.end();
    },
  };
}

function packed({ sha256, bytes }: Blob): Omit<OwnedBlob, keyof BlobOwner> {
  const { encoding, body } = pack(bytes);
  return { sha256, bytes: bytes.length, encoding, body };
}

function factsWithoutRecord(id: string): PostFacts {
  return {
    session_base: id,
    cost_nanodollars: null,
    cost_basis: null,
    usage: null,
    server_tools: {},
    tool_calls: null,
  };
}
