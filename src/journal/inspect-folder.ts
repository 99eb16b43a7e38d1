import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExchangeId } from '../contract/ids.ts';
import { unreachable } from '../lib/result.ts';
import { readSegmentHead, scanRange } from './scan.ts';
import type { Torn } from './scan.ts';
import { FILE_HEAD_BYTES, FRAME_HEADER_BYTES, segmentName, segmentNumber } from './segment.ts';
import type { Scanned } from './segment.ts';

/** A place in a segment's file where something is wrong. */
export interface Damage {
  segment: number;
  offset: number;
  bytes: number;
  /**
   * `head`: nothing of the file can be read. `payload`: one frame is lost. `hole`: no frame stands here, though some
   * follow. `tail`: nor do any follow, as where a process was killed. `unknown`: a frame of a later build.
   */
  what: 'head' | 'payload' | 'hole' | 'tail' | 'unknown';
}

/** What a segment's file holds. */
export interface SegmentFile {
  segment: number;
  gateway: string;
  bytes: number;
  /** Milliseconds since the epoch: the file's last write. */
  writtenAtMs: number;
  frames: number;
  opened: ExchangeId[];
  /** Exchanges that end here, wherever they began. */
  closed: ExchangeId[];
  damage: Damage[];
}

/** Every segment of a folder, in order; reads each file from end to end and changes nothing. */
export async function* inspectFolder(folder: string): AsyncGenerator<SegmentFile> {
  const numbers = (await readdir(folder)).flatMap((name) => segmentNumber(name) ?? []);
  for (const segment of numbers.sort((a, b) => a - b)) yield await inspectSegment(folder, segment);
}

async function inspectSegment(folder: string, segment: number): Promise<SegmentFile> {
  const path = join(folder, segmentName(segment));
  const { size, mtimeMs } = await stat(path);
  const found: SegmentFile = {
    segment,
    gateway: '',
    bytes: size,
    writtenAtMs: mtimeMs,
    frames: 0,
    opened: [],
    closed: [],
    damage: [],
  };
  const file = await open(path, 'r');
  try {
    const head = await readSegmentHead(file);
    // Made, and nothing ever written: that is no damage.
    if (head === 'empty') return found;
    if (head === 'unreadable') {
      found.damage.push({ segment, offset: 0, bytes: size, what: 'head' });
      return found;
    }
    found.gateway = head.gateway;
    for await (const window of scanRange(file, head.marker, FILE_HEAD_BYTES, size)) {
      for (const scanned of window) note(found, scanned);
    }
    return found;
  } finally {
    await file.close();
  }
}

function note(found: SegmentFile, scanned: Scanned | Torn): void {
  const { segment } = found;
  switch (scanned.what) {
    case 'frame':
      found.frames += 1;
      if (scanned.header.kind === 'opened') found.opened.push(scanned.header.exchange);
      if (scanned.header.kind === 'closed') found.closed.push(scanned.header.exchange);
      return;
    case 'bad_payload': {
      const bytes = FRAME_HEADER_BYTES + scanned.header.payloadBytes;
      found.damage.push({ segment, offset: scanned.offset, bytes, what: 'payload' });
      return;
    }
    case 'unknown_frame':
      found.damage.push({ segment, offset: scanned.offset, bytes: scanned.bytes, what: 'unknown' });
      return;
    case 'skipped':
      found.damage.push({ segment, offset: scanned.offset, bytes: scanned.bytes, what: 'hole' });
      return;
    case 'torn':
      found.damage.push({ segment, offset: scanned.offset, bytes: scanned.bytes, what: 'tail' });
      return;
    default:
      return unreachable(scanned);
  }
}
