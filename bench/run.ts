import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../src/lib/package-root.ts';

/**
 * `npm run bench [name]`: every micro benchmark (bench/micro, one question each), then the gate. Each prints its own
 * machine, settings and spread.
 */
const [only] = process.argv.slice(2);
const bench = join(packageRoot(), 'dist', 'bench');
const micro = readdirSync(join(bench, 'micro'))
  .filter((file) => file.endsWith('.bench.js'))
  .map((file) => join(bench, 'micro', file));

for (const file of [...micro, join(bench, 'gate.js')]) {
  if (only !== undefined && !file.includes(only)) continue;
  console.log(`\n== ${file.slice(bench.length + 1)}`);
  const { status } = spawnSync(process.execPath, [file], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
