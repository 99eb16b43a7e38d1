// Compiles to dist/ and builds the dashboard to dist/ui, each when a source is newer than its last build. `npm start` needs
// the gateway alone; tests and benchmarks are compiled without a check of their types, which is `npm run check`'s.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './install.mjs';

const APP = join('src', 'dashboard', 'app');
const GATEWAY = ['src', 'workers', 'config'];
const ALL = [...GATEWAY, 'bench', 'test'];

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

const sources = (folders) =>
  fingerprint(folders, (path) => path.endsWith('.ts') && !path.startsWith(join(root, APP)), ['tsconfig.json']);

const stampOf = (name) => join(root, 'dist', `.built-${name}`);
const isFresh = (name, now) => existsSync(stampOf(name)) && readFileSync(stampOf(name), 'utf8') === now;

function compile(folders, options) {
  console.log('Building ...');
  // What a source that is gone was compiled to must not live on.
  for (const folder of folders) rmSync(join(root, 'dist', folder), { recursive: true, force: true });
  run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), ...options]);
}

/** What `npm start` runs. */
export async function build() {
  const gateway = sources(GATEWAY);
  if (!isFresh('gateway', gateway)) {
    compile(GATEWAY, ['-p', 'tsconfig.gateway.json']);
    writeFileSync(stampOf('gateway'), gateway);
  }
  await buildPages();
}

/** The same, and tests and benchmarks. */
export async function buildAll() {
  const [gateway, all] = [sources(GATEWAY), sources(ALL)];
  if (!isFresh('all', all) || !isFresh('gateway', gateway)) {
    compile(ALL, ['-p', 'tsconfig.json', '--noCheck']);
    writeFileSync(stampOf('gateway'), gateway);
    writeFileSync(stampOf('all'), all);
  }
  await buildPages();
}

async function buildPages() {
  const now = fingerprint([APP], () => true, ['package-lock.json']);
  if (isFresh('ui', now)) return;
  console.log('Building the dashboard ...');
  const { buildUi } = await import('./build-ui.mjs');
  await buildUi();
  writeFileSync(stampOf('ui'), now);
}

if (process.argv[1] === import.meta.filename) await build();
