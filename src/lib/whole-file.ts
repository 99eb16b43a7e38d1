import { randomBytes } from 'node:crypto';
import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hasCode } from './error-code.ts';

/*
 * Files that more than one process may write: each writes a file of its own beside it first, so that nobody ever reads
 * half a file or moves another's away.
 */

/** A name beside `file` that no other process uses. */
export function freshName(file: string): string {
  return `${file}.${randomBytes(6).toString('hex')}.new`;
}

/** Puts the text in the place of what was there: whole or not at all, readable by us alone. Of several writers the last wins. */
export function writeWhole(file: string, text: string): void {
  written(file, text, (fresh) => {
    renameSync(fresh, file);
  });
}

/** Makes the file unless there is one: of several that come at once the first wins, and all find the same text. */
export function writeOnce(file: string, text: string): void {
  written(file, text, (fresh) => {
    try {
      linkSync(fresh, file);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    rmSync(fresh);
  });
}

function written(file: string, text: string, place: (fresh: string) => void): void {
  const fresh = freshName(file);
  try {
    writeFileSync(fresh, text, { mode: 0o600 });
    place(fresh);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}
