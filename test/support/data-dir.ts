import { existsSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the embedded Postgres of a data directory lives: inside it, or elsewhere when root started it under a closed home. */
export function postgresHome(dataDir: string): string | undefined {
  const near = join(dataDir, 'postgres');
  if (existsSync(near)) return near;
  if (!existsSync(dataDir)) return undefined;
  const path = realpathSync(dataDir);
  for (const parent of ['/var/lib', tmpdir()]) {
    const name = folders(parent).find(
      (folder) => folder.startsWith('aperture-') && owner(join(parent, folder)) === path,
    );
    if (name !== undefined) return join(parent, name);
  }
  return undefined;
}

/** Removes a data directory and the database that belongs to it. Nothing of it may be running. */
export function removeData(dataDir: string): void {
  const home = postgresHome(dataDir);
  if (home !== undefined) rmSync(home, { recursive: true, force: true });
  rmSync(dataDir, { recursive: true, force: true });
}

function folders(parent: string): string[] {
  return existsSync(parent) ? readdirSync(parent) : [];
}

function owner(home: string): string | undefined {
  const note = join(home, 'data-dir');
  return existsSync(note) ? readFileSync(note, 'utf8').trim() : undefined;
}
