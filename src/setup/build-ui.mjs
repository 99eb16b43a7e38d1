// Builds the dashboard into dist/ui, with each file that shrinks compressed beside it.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build as viteBuild } from 'vite';
import { root } from './install.mjs';

const OUT = join(root, 'dist', 'ui');

export async function buildUi() {
  await viteBuild({
    configFile: join(root, 'src', 'dashboard', 'app', 'vite.config.ts'),
    root: join(root, 'src', 'dashboard', 'app'),
    build: { outDir: OUT, emptyOutDir: true },
    logLevel: 'warn',
  });
  for (const entry of readdirSync(OUT, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && /\.(?:html|js|css|svg)$/.test(entry.name)) compress(join(entry.parentPath, entry.name));
  }
}

function compress(path) {
  const plain = readFileSync(path);
  writeFileSync(`${path}.gz`, gzipSync(plain, { level: 9 }));
  writeFileSync(
    `${path}.br`,
    brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } }),
  );
}
