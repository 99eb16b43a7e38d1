import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Closed, Opened } from '../../src/contract/exchange.ts';
import { mintExchangeId } from '../../src/contract/ids.ts';
import type { ExchangeId } from '../../src/contract/ids.ts';
import type { Charged } from '../../src/contract/quota.ts';
import { systemDisk } from '../../src/journal/disk.ts';
import type { Disk } from '../../src/journal/disk.ts';
import { Journal } from '../../src/journal/journal.ts';
import { JOURNAL_DEFAULTS } from '../../src/journal/options.ts';
import type { JournalOptions } from '../../src/journal/options.ts';
import { replay } from '../../src/journal/replay.ts';
import type { SegmentReport } from '../../src/journal/replay.ts';
import type { StoredExchange, StoredFrame } from '../../src/journal/stored.ts';
import { systemClock } from '../../src/lib/clock.ts';

/** A folder that is gone after the test. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aperture-journal-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export function journalOptions(folder: string, more: Partial<JournalOptions> = {}): JournalOptions {
  return {
    folder,
    gatewayId: 'gw-test',
    mode: 'strict',
    fsync: 'none',
    maxBytes: 1024 * 1024 * 1024,
    whenFull: 'refuse',
    clock: systemClock,
    onSegmentSealed: () => {},
    onState: () => {},
    ...JOURNAL_DEFAULTS,
    ...more,
  };
}

/** A journal that is closed after the test, if the test has not done so. */
export async function openJournal(folder: string, more: Partial<JournalOptions> = {}): Promise<Journal> {
  const journal = await Journal.open(journalOptions(folder, more));
  onTestFinished(async () => {
    await journal.close(2000);
  });
  return journal;
}

export function newId(): ExchangeId {
  return mintExchangeId(Date.now());
}

export function sampleOpened(id: ExchangeId, path = '/v1/chat/completions'): Opened {
  return {
    id,
    received_at_ms: 1_790_000_000_000,
    login: 'alice@example.com',
    node_id: 'n1',
    node_name: 'laptop',
    tags: [],
    groups: ['group:eng'],
    identity_source: 'loopback',
    user_agent: 'test/1',
    agent: '',
    client_version: '',
    api: 'openai_chat',
    method: 'POST',
    path,
    stream: false,
    request_headers: [['content-type', 'application/json']],
    model: 'gpt-5',
    provider: 'sim',
    key_id: 'sim/1',
    grant_ids: ['grants[0]'],
    quotas: [],
    hooks: [],
    config_version: 'c1',
    world: 1,
  };
}

export function sampleClosed(): Closed {
  return {
    state: 'complete',
    ended_at_ms: 1_790_000_001_000,
    first_byte_at_ms: 1_790_000_000_500,
    status: 200,
    denied_by: null,
    attempts: [{ provider: 'sim', started_at_ms: 1_790_000_000_100, outcome: 'ok' }],
    edits: [],
    request_bytes: 2,
    response_bytes: 3,
    provider_request_id: null,
    error: null,
  };
}

/** Runs when the frames so far are written. */
export function written(journal: Journal, id: ExchangeId): Promise<'written' | 'unwritten'> {
  return new Promise((resolve) => {
    journal.barrier(id, resolve);
  });
}

/** One short exchange, whole. */
export async function exchangeOf(journal: Journal, response: string): Promise<ExchangeId> {
  const id = newId();
  journal.append(id, 'opened', sampleOpened(id));
  journal.append(id, 'request', Buffer.from('{}'));
  journal.append(id, 'response', Buffer.from(response));
  journal.append(id, 'closed', sampleClosed());
  await written(journal, id);
  return id;
}

export async function framesOf(exchange: StoredExchange): Promise<StoredFrame[]> {
  const frames: StoredFrame[] = [];
  for await (const frame of exchange.frames()) frames.push(frame);
  return frames;
}

/** All bytes of one side, joined. */
export async function bodyOf(exchange: StoredExchange, side: 'request' | 'response'): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (const frame of await framesOf(exchange)) if (frame.kind === side) parts.push(frame.bytes);
  return Buffer.concat(parts);
}

export async function replayAll(
  folder: string,
  before = Number.MAX_SAFE_INTEGER,
): Promise<{
  exchanges: Map<ExchangeId, StoredExchange>;
  order: ExchangeId[];
  reports: SegmentReport[];
  orphans: ExchangeId[];
  strays: [ExchangeId, Charged][];
}> {
  const strays: [ExchangeId, Charged][] = [];
  const orphans: ExchangeId[] = [];
  const exchanges = new Map<ExchangeId, StoredExchange>();
  const order: ExchangeId[] = [];
  const reports: SegmentReport[] = [];
  for await (const exchange of replay({
    folder,
    before,
    onSegment: (report) => reports.push(report),
    onOrphan: (id) => orphans.push(id),
    onStrayCharge: (charged, id) => strays.push([id, charged]),
  })) {
    if (exchanges.has(exchange.opened.id)) throw new Error('an exchange came twice');
    exchanges.set(exchange.opened.id, exchange);
    order.push(exchange.opened.id);
  }
  return { exchanges, order, reports, orphans, strays };
}

/** A disk that can be told to stall, to fail, or to write in small portions. Reads and names work as ever. */
export class ScriptedDisk implements Disk {
  fault: (NodeJS.ErrnoException & { code: string }) | undefined;
  /** At most this many bytes a call. */
  portion = Number.POSITIVE_INFINITY;
  writesNow = 0;
  syncs = 0;
  #torn: string | undefined;
  #gate: { promise: Promise<void>; open: () => void } | undefined;

  failWith(code: string): void {
    this.fault = Object.assign(new Error(`${code}: scripted`), { code });
  }

  /** The next write takes so many bytes, and then the disk fails. */
  tearWith(code: string, bytes: number): void {
    this.portion = bytes;
    this.#torn = code;
  }

  heal(): void {
    this.fault = undefined;
    this.portion = Number.POSITIVE_INFINITY;
  }

  /** Writes off the main thread wait until `flow`. */
  stall(): void {
    let open = (): void => {};
    const promise = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gate = { promise, open };
  }

  flow(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  create: Disk['create'] = (path) => {
    if (this.fault !== undefined) return Promise.reject(this.fault);
    return systemDisk.create(path);
  };

  writeNow: Disk['writeNow'] = (file, buffers, position) => {
    this.writesNow += 1;
    if (this.fault !== undefined) throw this.fault;
    return systemDisk.writeNow(file, this.#portionOf(buffers), position);
  };

  write: Disk['write'] = async (file, buffers, position) => {
    await this.#gate?.promise;
    if (this.fault !== undefined) throw this.fault;
    return systemDisk.write(file, this.#portionOf(buffers), position);
  };

  sync: Disk['sync'] = async (file) => {
    await this.#gate?.promise;
    if (this.fault !== undefined) throw this.fault;
    this.syncs += 1;
    await systemDisk.sync(file);
  };

  syncFolder: Disk['syncFolder'] = (path) => systemDisk.syncFolder(path);
  remove: Disk['remove'] = (path) => systemDisk.remove(path);

  #portionOf(buffers: readonly Uint8Array[]): readonly Uint8Array[] {
    if (this.portion === Number.POSITIVE_INFINITY) return buffers;
    if (this.#torn !== undefined) this.failWith(this.#torn);
    this.#torn = undefined;
    return [Buffer.concat(buffers).subarray(0, this.portion)];
  }
}
