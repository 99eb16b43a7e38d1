import { openSync, readSync } from 'node:fs';

/** Of the thread that opens it: nanoseconds on a processor, nanoseconds ready to run without one, how often it was given one. */
const PATH = '/proc/thread-self/schedstat';

/** Three numbers of up to twenty digits. */
const MOST_BYTES = 64;

/**
 * How long a thread that was woken waited until it had a processor, in milliseconds: of what happened since it was last asked, the
 * mean of each time. What woke it may have come so much earlier than any clock of ours is read. A call takes a microsecond.
 */
export type ProcessorWait = () => number;

/** For the thread that calls it, which alone may ask. Where the system does not tell (it is Linux that does), 0. */
export function createProcessorWait(): ProcessorWait {
  const bytes = Buffer.alloc(MOST_BYTES);
  const file = opened();
  if (file === undefined) return () => 0;
  const read = (): { waitedNs: number; times: number } => {
    const length = readSync(file, bytes, 0, MOST_BYTES, 0);
    const [, waitedNs = '0', times = '0'] = bytes.toString('latin1', 0, length).split(' ');
    return { waitedNs: Number(waitedNs), times: Number(times) };
  };
  let last = read();
  return () => {
    const { waitedNs, times } = last;
    last = read();
    return times === last.times ? 0 : (last.waitedNs - waitedNs) / (last.times - times) / 1e6;
  };
}

function opened(): number | undefined {
  try {
    return openSync(PATH, 'r');
  } catch {
    // Another system, or one without these figures.
    return undefined;
  }
}
