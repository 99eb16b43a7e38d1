// Builds the gateway, with the programs of tests and benchmarks, to dist/, and the dashboard to dist/ui, each when a source is
// newer than its last build. Types are `npm run check`'s.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './install.mjs';

const APP = join('src', 'dashboard', 'app');

/** Changes when a file below these folders is added, removed or touched. */
function fingerprint(folders, isSource) {
  const hash = createHash('sha256');
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || !isSource(path)) continue;
      const { mtimeMs, size } = statSync(path);
      hash.update(`${path}\0${mtimeMs}\0${size}\n`);
    }
  }
  return hash.update(readFileSync(join(root, 'package-lock.json'))).digest('hex');
}

async function whenStale(name, now, make) {
  const stamp = join(root, 'dist', `.built-${name}`);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === now) return;
  await make();
  writeFileSync(stamp, now);
}

export async function build() {
  const isCode = (path) => path.endsWith('.ts') || path.endsWith('.mjs');
  const gateway = fingerprint(
    ['src', 'workers', 'config', 'bench', 'test'],
    (path) => isCode(path) && !path.startsWith(join(root, APP)),
  );
  await whenStale('gateway', gateway, async () => {
    console.log('Building ...');
    const { buildGateway } = await import('./build-gateway.mjs');
    await buildGateway();
  });
  const pages = fingerprint([APP], () => true);
  await whenStale('ui', pages, async () => {
    console.log('Building the dashboard ...');
    const { buildUi } = await import('./build-ui.mjs');
    await buildUi();
  });
}

if (process.argv[1] === import.meta.filename) await build();
