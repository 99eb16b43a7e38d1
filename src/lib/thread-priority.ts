import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Enough for the scheduler to ask others first (a third of their share when all are busy), and none to starve. */
const BEHIND_OTHERS = 5;

/**
 * The calling thread steps back behind the process's other threads when processors are short: what may wait must not
 * take the time of what a client waits for. On Linux, where each thread has a priority of its own; elsewhere nothing
 * changes.
 */
export function stepBack(): void {
  const threadId = threadIdOf(process.platform);
  if (threadId !== undefined) setPriority(threadId, BEHIND_OTHERS);
}

/** The kernel's number of this thread, `undefined` where the system does not tell. Synchronous, so that no other thread answers. */
function threadIdOf(platform: NodeJS.Platform): number | undefined {
  if (platform !== 'linux') return undefined;
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    // A container without /proc: nothing is lost but the order.
    return undefined;
  }
}
