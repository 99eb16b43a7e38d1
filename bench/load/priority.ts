import { setPriority } from 'node:os';
import { hasCode } from '../../src/lib/error-code.ts';

/** Ahead of everything of ordinary priority, behind the system's own. */
const AHEAD = -10;

/**
 * A process that measures is not to wait for what it measures: its main thread goes first where processors are short.
 * Only root may do that; without it more rounds are void.
 */
export function goFirst(pid: number): void {
  try {
    setPriority(pid, AHEAD);
  } catch (error) {
    if (!hasCode(error, 'ERR_SYSTEM_ERROR')) throw error;
  }
}
