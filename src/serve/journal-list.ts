import { textTable, thousands } from '../dashboard/text-table.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { inspectFolder } from '../journal/inspect-folder.ts';
import type { Damage, SegmentFile } from '../journal/inspect-folder.ts';
import { folderHolder, systemLockWorld } from '../journal/lock.ts';
import { systemClock } from '../lib/clock.ts';
import { journalFolders } from './journal-folders.ts';
import type { JournalPlace } from './journal-folders.ts';

type Say = (text: string) => void;

/** `aperture journal ls`: what is in the journal's files. Nothing of what the exchanges say is printed. */
export async function listJournal(place: JournalPlace, say: Say): Promise<number> {
  for (const folder of journalFolders(place)) {
    const holder = await folderHolder(folder, await systemLockWorld());
    const segments = await readAll(folder);
    say([folder, holder === undefined ? 'in nobody’s use' : `in use by ${holder}`, ''].join('\n'));
    say(segments.length === 0 ? 'no segments\n' : `${segmentTable(segments, holder !== undefined)}\n`);
  }
  return 0;
}

/**
 * `aperture journal verify`: every check sum of every frame. Exit code 2 where bytes are damaged; a tail that a killed
 * process left is said, and is no damage.
 */
export async function verifyJournal(place: JournalPlace, say: Say): Promise<number> {
  let damaged = 0;
  for (const folder of journalFolders(place)) {
    const holder = await folderHolder(folder, await systemLockWorld());
    const segments = await readAll(folder);
    const frames = segments.reduce((sum, segment) => sum + segment.frames, 0);
    const bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
    say(`${folder}\n${count(segments.length)} segments, ${count(frames)} sound frames, ${count(bytes)} bytes`);
    if (holder !== undefined) say(`in use by ${holder}: what is being written now may look like a hole`);
    const damage = segments.flatMap((segment) => segment.damage);
    if (damage.length > 0) say(`\n${damageTable(damage)}`);
    const bad = damage.filter(({ what }) => what !== 'tail').length;
    say(bad === 0 ? 'sound\n' : `damaged in ${count(bad)} ${bad === 1 ? 'place' : 'places'}\n`);
    damaged += bad;
  }
  return damaged === 0 ? 0 : 2;
}

async function readAll(folder: string): Promise<SegmentFile[]> {
  const segments: SegmentFile[] = [];
  for await (const segment of inspectFolder(folder)) segments.push(segment);
  return segments;
}

/** An exchange is open in the segment that it was opened in, until an end of it stands anywhere. */
function segmentTable(segments: readonly SegmentFile[], inUse: boolean): string {
  const ended = new Set<ExchangeId>(segments.flatMap(({ closed }) => closed));
  const nowMs = systemClock.nowMs();
  const openIn = ({ opened }: SegmentFile): number => opened.filter((id) => !ended.has(id)).length;
  const rows = segments.map((segment) => [
    String(segment.segment),
    inUse ? stateOf(segment, segments) : 'left behind',
    ageOf(nowMs - segment.writtenAtMs),
    count(segment.bytes),
    count(segment.frames),
    count(segment.opened.length),
    count(segment.closed.length),
    count(openIn(segment)),
    count(segment.damage.filter(({ what }) => what !== 'tail').length),
  ]);
  const sum = (of: (segment: SegmentFile) => number): string =>
    count(segments.reduce((total, segment) => total + of(segment), 0));
  const foot = [
    'total',
    '',
    '',
    sum(({ bytes }) => bytes),
    sum(({ frames }) => frames),
    sum(({ opened }) => opened.length),
    sum(({ closed }) => closed.length),
    sum(openIn),
    sum(({ damage }) => damage.filter(({ what }) => what !== 'tail').length),
  ];
  const heads = ['segment', 'state', 'last write', 'bytes', 'frames', 'opened', 'closed', 'open', 'damaged'];
  return textTable(heads, rows, foot, 3).join('\n');
}

/** A process writes the last of its files but one: the last is made ahead. What it has closed goes when it is in the database. */
function stateOf({ segment }: SegmentFile, segments: readonly SegmentFile[]): string {
  const [spare, current] = segments.slice(-2).reverse();
  if (segment === spare?.segment) return 'made ahead';
  return segment === current?.segment ? 'being written' : 'waits for the database';
}

const MEANING: Record<Damage['what'], string> = {
  head: 'the head is damaged: nothing of the file can be read',
  payload: 'a frame’s content is damaged',
  hole: 'no sound frame stands here',
  tail: 'nothing follows: where a process was killed, or a disk was full',
  unknown: 'a frame of another build',
};

function damageTable(damage: readonly Damage[]): string {
  const rows = damage.map(({ segment, offset, bytes, what }) => [
    what,
    MEANING[what],
    count(segment),
    count(offset),
    count(bytes),
  ]);
  return textTable(['what', 'meaning', 'segment', 'offset', 'bytes'], rows, ['total', count(damage.length)], 2).join(
    '\n',
  );
}

function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} days ago`;
}

function count(value: number): string {
  return thousands(String(value));
}
