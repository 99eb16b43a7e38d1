import { chownSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { freshName } from '../lib/whole-file.ts';

/** The config's file, where it is the truth. */
export interface ConfigFile {
  /** Throws when it cannot be read. */
  read(): string;
  /** Puts the text in its place, whole or not at all, with the file's mode and owner. Throws when it cannot. */
  write(text: string): void;
}

const MODE_BITS = 0o7777;

export function configFile(path: string): ConfigFile {
  return {
    read: () => readFileSync(path, 'utf8'),
    write: (text) => {
      // Through a link: what it points to is the file.
      const file = realpathSync(path);
      const { mode, uid, gid } = statSync(file);
      const fresh = freshName(file);
      try {
        writeFileSync(fresh, text, { mode: mode & MODE_BITS });
        const made = statSync(fresh);
        if (made.uid !== uid || made.gid !== gid) chownSync(fresh, uid, gid);
        renameSync(fresh, file);
      } catch (error) {
        rmSync(fresh, { force: true });
        throw error;
      }
    },
  };
}
