import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import type { UiFile, UiFiles } from '../front/ui-door.ts';
import { packageRoot } from '../lib/package-root.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/**
 * The built dashboard, read into memory once: about two megabytes. Beside each file that shrinks stands what it is
 * compressed to (`src/setup/build-ui.mjs`). Empty where it was not built: then `/ui/` is a 404.
 */
export function readUiFiles(folder = join(packageRoot(), 'dist', 'ui')): UiFiles {
  if (!existsSync(folder)) return new Map();
  const files = new Map<string, UiFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const name = relative(folder, path);
    const plain = readFileSync(path);
    files.set(name, {
      type,
      etag: `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`,
      plain,
      gzip: readIfThere(`${path}.gz`),
      brotli: readIfThere(`${path}.br`),
      immutable: name.startsWith('assets/'),
    });
  }
  return files;
}

function readIfThere(path: string): Uint8Array | undefined {
  return existsSync(path) ? readFileSync(path) : undefined;
}
