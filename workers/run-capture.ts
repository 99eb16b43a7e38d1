import { setTimeout as sleep } from 'node:timers/promises';
import { isReadable, LeftOutCapture, RequestCapture, ResponseCapture } from '../src/capture/body.ts';
import type { BodyCapture } from '../src/capture/body.ts';
import type { CaptureOrder, CaptureSettings, FromCapture, ToCapture } from '../src/capture/messages.ts';
import { pack } from '../src/capture/pack.ts';
import type { Blob } from '../src/capture/recipe.ts';
import type { Capture } from '../src/contract/capture.ts';
import type { ExchangeId } from '../src/contract/ids.ts';
import { readCaptured } from '../src/journal/captured.ts';
import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { Lru } from '../src/lib/lru.ts';
import { unreachable } from '../src/lib/result.ts';
import { createPublisher } from '../src/records/publish.ts';
import { createCaptureStore } from '../src/store/captures.ts';
import type { BlobOwner } from '../src/store/captures.ts';
import { openPool } from '../src/store/database.ts';
import { dayOf } from '../src/store/partitions.ts';
import { openQueue } from '../src/store/queue.ts';
import type { QueueAddress } from '../src/store/queue.ts';
import type { CaptureData } from './thread-data.ts';

export interface CaptureParts {
  data: CaptureData;
  clock: Clock;
  log: Log;
  post: (message: FromCapture) => void;
}

export interface CaptureWorker {
  take(message: ToCapture): void;
  close(): Promise<void>;
}

/** Exchanges read at once. Each holds its request, and up to a piece of its response. */
const READING = 3;
/** One for each reader, so that none waits for another's insert. */
const CONNECTIONS = READING;
const STATEMENT_MS = 20_000;
const CONNECT_MS = 5_000;
/** Blobs of a long body go to the database before it is read to its end. */
const STORE_FROM_BYTES = 8 * 1024 * 1024;
/** Pause before a database that is away is tried again. */
const RETRY_MS = 1_000;
/** Blobs known to be in the database: an agent's next turn repeats those of the last. About 10 MiB. */
const KNOWN_BLOBS = 65_536;

/**
 * Makes captures: reads an exchange from the journal's files, cuts its bodies into blobs, stores those in the database,
 * and puts what names them into the queue. Waits for whatever is away: the journal keeps the bodies until then.
 */
export function runCapture({ data, clock, log, post }: CaptureParts): CaptureWorker {
  const address: QueueAddress =
    data.redisUrl === undefined ? { kind: 'postgres', database: data.database } : { kind: 'redis', url: data.redisUrl };
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
  // A database that was away may have been restored from a backup, and has not what it had.
  pool.on('connect', () => {
    known.clear();
  });
  const store = createCaptureStore(pool);
  const queue = openQueue('captures', address, { onError: quietly });
  /** Ids that the publisher has, in order: it tells how many more the queue took. */
  const published: ExchangeId[] = [];
  const publisher = createPublisher<Capture>({
    queue,
    clock,
    onAccepted: (count) => {
      post({ kind: 'captured', ids: published.splice(0, count) });
    },
    onQueue: (state, error) => {
      if (state === 'down') quietly(error);
    },
  });
  const stop = new AbortController();
  const waiting: CaptureOrder[] = [];
  let settings: CaptureSettings = { saveRaws: false, filterable: [] };
  let reading = 0;
  let idle: (() => void)[] = [];

  const storeBlobs = async (owner: BlobOwner, blobs: readonly Blob[]): Promise<void> => {
    const keyOf = (blob: Blob): string => `${owner.day} ${owner.login} ${blob.sha256.toString('base64')}`;
    const fresh = blobs.filter((blob) => known.get(keyOf(blob)) === undefined);
    if (fresh.length === 0) return;
    const rows = fresh.map(({ sha256, bytes }) => {
      const packed = pack(bytes);
      return { sha256, bytes: bytes.length, encoding: packed.encoding, body: packed.body };
    });
    for (;;) {
      try {
        await store.storeBlobs(owner, rows);
        for (const blob of fresh) known.set(keyOf(blob), true);
        return;
      } catch (error) {
        quietly(error);
        if (stop.signal.aborted) throw error;
        await sleep(RETRY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
  };

  const offer = async (capture: Capture, id: ExchangeId): Promise<void> => {
    while (!publisher.offer(capture)) await sleep(RETRY_MS, undefined, { signal: stop.signal });
    published.push(id);
  };

  const capture = async (order: CaptureOrder): Promise<void> => {
    const read = await readCaptured(data.journalFolder, order);
    if (read === undefined) {
      post({ kind: 'unreadable', ids: [order.id] });
      return;
    }
    const { opened } = read;
    const owner: BlobOwner = { day: dayOf(order.id), login: opened.login };
    let request: BodyCapture | undefined;
    let response: BodyCapture | undefined;
    let responseHeaders: [string, string][] = [];
    let heldBytes = 0;
    for await (const frame of read.frames()) {
      switch (frame.kind) {
        case 'head':
          responseHeaders = frame.headers;
          break;
        case 'request':
          request ??= keeps(opened.request_headers, settings) ? new RequestCapture() : new LeftOutCapture();
          request.add(frame.bytes);
          break;
        case 'response':
          response ??= keeps(responseHeaders, settings) ? new ResponseCapture() : new LeftOutCapture();
          response.add(frame.bytes);
          heldBytes += frame.bytes.length;
          if (heldBytes < STORE_FROM_BYTES) break;
          heldBytes = 0;
          await storeBlobs(owner, response.takeBlobs());
          break;
        default:
          return unreachable(frame);
      }
    }
    const bodies = { request: request?.end() ?? null, response: response?.end() ?? null };
    await storeBlobs(owner, [...(request?.takeBlobs() ?? []), ...(response?.takeBlobs() ?? [])]);
    await offer(
      {
        v: 1,
        id: order.id,
        login: opened.login,
        gateway: data.gatewayId,
        segment: order.segment,
        request_headers: opened.request_headers,
        response_headers: responseHeaders,
        ...bodies,
        missing_frames: read.missingFrames(),
        indexed_headers: [
          ...indexed('request', opened.request_headers, settings),
          ...indexed('response', responseHeaders, settings),
        ],
      },
      order.id,
    );
  };

  const next = (): void => {
    while (reading < READING && !stop.signal.aborted) {
      const order = waiting.shift();
      if (order === undefined) break;
      reading += 1;
      capture(order)
        .catch((error: unknown) => {
          // Bytes that are not there or not ours: trying again would find the same.
          if (stop.signal.aborted) return;
          log.warn({ exchange: order.id, error: errorChain(error) }, 'an exchange could not be captured');
          post({ kind: 'unreadable', ids: [order.id] });
        })
        .finally(() => {
          reading -= 1;
          next();
        });
    }
    if (reading > 0 || waiting.length > 0) return;
    for (const wake of idle.splice(0)) wake();
  };

  const drain = async (withinMs: number): Promise<void> => {
    const untilMs = clock.nowMs() + withinMs;
    const allRead = new Promise<void>((resolve) => idle.push(resolve));
    next();
    await Promise.race([allRead, sleep(withinMs)]);
    const left = await publisher.drain(Math.max(0, untilMs - clock.nowMs()));
    post({ kind: 'drained', left: left + waiting.length + reading });
  };

  post({ kind: 'ready' });
  return {
    take: (message) => {
      switch (message.kind) {
        case 'settings':
          settings = message.settings;
          return;
        case 'capture':
          waiting.push(...message.orders);
          next();
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
      await publisher.drain(0);
      await Promise.all([queue.close(), pool.end()]);
    },
  };
}

type Headers = readonly (readonly [string, string])[];

function keeps(headers: Headers, { saveRaws }: CaptureSettings): boolean {
  return saveRaws || isReadable(headers.find(([name]) => name === 'content-type')?.[1]);
}

/** Of a header that was sent more than once, the first. */
function indexed(
  side: 'request' | 'response',
  headers: Headers,
  { filterable }: CaptureSettings,
): Capture['indexed_headers'] {
  return filterable.flatMap(({ name, redactValues }) => {
    const found = headers.find(([each]) => each === name);
    if (found === undefined) return [];
    return [{ side, name, value: redactValues ? null : found[1].slice(0, INDEXED_CHARS) }];
  });
}

/** An entry of the index may have 2,704 bytes, a character up to four. */
const INDEXED_CHARS = 256;
