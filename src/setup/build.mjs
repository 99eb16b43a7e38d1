// Compiles the gateway to dist/ and builds the dashboard to dist/ui, each when a source is newer than its last build.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './install.mjs';

const APP = join('src', 'dashboard', 'app');
const FOLDERS = ['src', 'workers', 'config', 'bench', 'test'];

/** Changes when one of these files is added, removed or touched. */
function fingerprint(folders, isSource, settings) {
  const hash = createHash('sha256');
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || !isSource(path)) continue;
      const { mtimeMs, size } = statSync(path);
      hash.update(`${path}\0${mtimeMs}\0${size}\n`);
    }
  }
  for (const file of settings) hash.update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

async function whenStale(stamp, now, make) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return;
  await make();
  writeFileSync(stamp, now);
}

function compile() {
  console.log('Building ...');
  // What a source that is gone was compiled to must not live on. The dashboard is not ours to remove.
  for (const folder of FOLDERS) rmSync(join(root, 'dist', folder), { recursive: true, force: true });
  run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json']);
}

async function buildPages() {
  console.log('Building the dashboard ...');
  const { buildUi } = await import('./build-ui.mjs');
  await buildUi();
}

export async function build() {
  const inApp = (path) => path.startsWith(join(root, APP));
  const gateway = fingerprint(FOLDERS, (path) => path.endsWith('.ts') && !inApp(path), ['tsconfig.json']);
  await whenStale(join(root, 'dist', '.built'), gateway, compile);
  const pages = fingerprint([APP], () => true, ['package-lock.json']);
  await whenStale(join(root, 'dist', '.built-ui'), pages, buildPages);
}

if (process.argv[1] === import.meta.filename) await build();
