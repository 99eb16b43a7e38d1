import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExchangeId } from '../contract/ids.ts';
import type { Charged } from '../contract/quota.ts';
import { Places } from './places.ts';
import { readSegmentHead, scanRange } from './scan.ts';
import type { Torn } from './scan.ts';
import { FILE_HEAD_BYTES, FRAME_HEADER_BYTES, segmentName, segmentNumber } from './segment.ts';
import type { Scanned } from './segment.ts';
import { readCharged } from './notes.ts';
import { Gathering, storedFrames } from './stored.ts';
import type { StoredExchange } from './stored.ts';

/** What a scan of one segment found. */
export interface SegmentReport {
  segment: number;
  /** Empty when the head could not be read: then nothing else could be either. */
  gateway: string;
  unreadable: boolean;
  bytes: number;
  frames: number;
  /** Exchanges whose `opened` frame is here and sound: what the watermark of this segment has to reach. */
  opened: ExchangeId[];
  /** `opened` frames that are damaged: exchanges that cannot become records any more. */
  lostOpened: number;
  badPayloads: number;
  /** Frames of a format or kind that this build does not know. */
  unknownFrames: number;
  /** Bytes between sound frames that hold none: damage, or a large body that a crash cut short. */
  skippedBytes: number;
  /** Bytes after the last sound frame. */
  tornBytes: number;
}

export interface ReplayOptions {
  folder: string;
  /** The first segment to be read; by default the first that is there. */
  from?: number;
  /** Segments from here on are being written by this process. */
  before: number;
  /** Reads these exchanges alone, and no further than their ends. They were opened in `from` or later. */
  only?: ReadonlySet<ExchangeId>;
  /** Told once per segment, in order, before the exchanges that end after it. */
  onSegment: (report: SegmentReport) => void;
  /** Told of frames whose exchange cannot be yielded, since its `opened` frame is damaged or gone. */
  onOrphan?: (exchange: ExchangeId, segment: number) => void;
  /**
   * Told what an exchange was charged that is not yielded with it: its `opened` frame is damaged or in a file that is gone,
   * it was refused, or it stands in another journal.
   */
  onStrayCharge?: (charged: Charged, exchange: ExchangeId) => void;
}

interface Found {
  id: ExchangeId;
  segment: number;
  gateway: string;
  gathering: Gathering;
  places: Places;
}

/**
 * Reads the segments of earlier processes and yields each exchange once: as its `closed` frame passes, or what it was charged
 * where it has quotas, and at the end those that have neither, in order of their first frame. Nothing is changed on disk. In
 * memory are only the exchanges that were open at the point that is being read, or ended and not yet charged, without their
 * bodies, which `frames()` reads when asked.
 */
export async function* replay(options: ReplayOptions): AsyncGenerator<StoredExchange> {
  const pathOf = (segment: number): string => join(options.folder, segmentName(segment));
  const { folder, from = 0, before, only } = options;
  const open = new Map<ExchangeId, Found>();
  let ended = 0;
  for (const segment of await segmentsIn(folder, from, before)) {
    const report = emptyReport(segment);
    for await (const found of scanSegment(pathOf(segment), report)) {
      if (only !== undefined && 'header' in found && !only.has(found.header.exchange)) continue;
      const whole = isCharge(found) ? noteCharge(found, report, open, options) : note(found, report, open);
      if (whole === undefined) continue;
      ended += 1;
      const stored = storedExchange(whole, pathOf);
      if (stored !== undefined) yield stored;
      else options.onOrphan?.(whole.id, segment);
      if (ended === only?.size) return;
    }
    options.onSegment(report);
  }
  for (const left of open.values()) {
    const stored = storedExchange(left, pathOf);
    if (stored !== undefined) yield stored;
    else options.onOrphan?.(left.id, left.segment);
  }
}

/** Numbers of the segments in a folder, ascending, from `from` to below `before`. */
export async function segmentsIn(folder: string, from: number, before: number): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await readdir(folder)) {
    const number = segmentNumber(name);
    if (number !== undefined && number >= from && number < before) numbers.push(number);
  }
  return numbers.sort((a, b) => a - b);
}

async function* scanSegment(path: string, report: SegmentReport): AsyncGenerator<Scanned | Torn> {
  const file = await open(path, 'r');
  try {
    report.bytes = (await file.stat()).size;
    const head = await readSegmentHead(file);
    if (head === 'empty') return;
    if (head === 'unreadable') {
      report.unreadable = true;
      return;
    }
    report.gateway = head.gateway;
    for await (const window of scanRange(file, head.marker, FILE_HEAD_BYTES, report.bytes)) yield* window;
  } finally {
    await file.close();
  }
}

type Charge = Extract<Scanned, { what: 'frame' | 'bad_payload' }>;

function isCharge(found: Scanned | Torn): found is Charge {
  return (found.what === 'frame' || found.what === 'bad_payload') && found.header.kind === 'charged';
}

/** Books what an exchange was charged, and begins none: it may have been yielded, or stand elsewhere. Returns the one it ends. */
function noteCharge(
  found: Charge,
  report: SegmentReport,
  open: Map<ExchangeId, Found>,
  { onStrayCharge }: ReplayOptions,
): Found | undefined {
  const { exchange } = found.header;
  if (found.what === 'frame') report.frames += 1;
  const charged = found.what === 'frame' ? readCharged(found.payload) : undefined;
  if (charged === undefined) {
    report.badPayloads += 1;
    return undefined;
  }
  const of = open.get(exchange);
  open.delete(exchange);
  if (of?.gathering.opened === undefined) onStrayCharge?.(charged, exchange);
  else of.gathering.charged = charged;
  return of;
}

/** Books one find. Returns the exchange that it ends. */
function note(found: Scanned | Torn, report: SegmentReport, open: Map<ExchangeId, Found>): Found | undefined {
  switch (found.what) {
    case 'skipped':
      report.skippedBytes += found.bytes;
      return undefined;
    case 'torn':
      report.tornBytes += found.bytes;
      return undefined;
    case 'unknown_frame':
      report.unknownFrames += 1;
      return undefined;
    case 'bad_payload': {
      report.badPayloads += 1;
      if (found.header.kind === 'opened') report.lostOpened += 1;
      exchangeOf(found.header.exchange, report, open).gathering.missed(found.header.sequence);
      return undefined;
    }
    case 'frame': {
      const { kind, exchange, sequence, payloadBytes } = found.header;
      report.frames += 1;
      const of = exchangeOf(exchange, report, open);
      const understood = of.gathering.add(kind, sequence, found.payload);
      if (!understood) report.badPayloads += 1;
      of.places.add(report.segment, found.offset, FRAME_HEADER_BYTES + payloadBytes);
      if (kind === 'opened') {
        of.segment = report.segment;
        of.gateway = report.gateway;
        if (understood) report.opened.push(exchange);
        else report.lostOpened += 1;
      }
      if (kind !== 'closed' || awaitsCharge(of.gathering)) return undefined;
      open.delete(exchange);
      return of;
    }
  }
}

/**
 * What it was charged is told after its end. One that was refused costs nothing, and there may be floods of them: they are
 * not kept to see whether it is told.
 */
function awaitsCharge({ opened, closed }: Gathering): boolean {
  return opened !== undefined && opened.quotas.length > 0 && closed?.state !== 'denied';
}

function exchangeOf(id: ExchangeId, report: SegmentReport, open: Map<ExchangeId, Found>): Found {
  let found = open.get(id);
  if (found === undefined) {
    const { segment, gateway } = report;
    found = { id, segment, gateway, gathering: new Gathering(), places: new Places() };
    open.set(id, found);
  }
  return found;
}

/** Undefined without a sound `opened` frame: who asked for what is not known. */
function storedExchange(found: Found, pathOf: (segment: number) => string): StoredExchange | undefined {
  const { gateway, segment, places, id } = found;
  const { opened, closed, charged, missingFrames } = found.gathering;
  if (opened === undefined) return undefined;
  const extents = places.extents();
  const frames = () => storedFrames(pathOf, extents, id);
  return { opened, gateway, segment, closed, charged, missingFrames, extents, frames };
}

function emptyReport(segment: number): SegmentReport {
  return {
    segment,
    gateway: '',
    unreadable: false,
    bytes: 0,
    frames: 0,
    opened: [],
    lostOpened: 0,
    badPayloads: 0,
    unknownFrames: 0,
    skippedBytes: 0,
    tornBytes: 0,
  };
}
