import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The journal of a gateway, and of the processes that ran beside it. */
const JOURNAL_NAME = /^journal(?:-\d+)?$/;

/** `folder`: one journal, wherever it was copied to. Otherwise those of a data directory. */
export interface JournalPlace {
  folder?: string;
  dataDir: string;
}

/** @throws Error with a sentence where there is none. */
export function journalFolders({ folder, dataDir }: JournalPlace): string[] {
  if (folder !== undefined) {
    if (!isFolder(folder)) throw new Error(`there is no folder ${folder}`);
    return [resolve(folder)];
  }
  const names = existsSync(dataDir) ? readdirSync(dataDir) : [];
  const folders = names.filter((name) => JOURNAL_NAME.test(name)).map((name) => resolve(join(dataDir, name)));
  if (folders.length === 0) throw new Error(`there is no journal in ${resolve(dataDir)}: name it with --data-dir`);
  return folders.sort();
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}
