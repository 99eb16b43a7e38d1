// `npm test [files]`, `npm run test:long`: installs what is missing, builds, runs every test.
import { join } from 'node:path';
import { build } from './build.mjs';
import { ensurePrograms } from './debian.mjs';
import { install, root, run } from './install.mjs';

const ALONE = '.alone.test.ts';
const args = process.argv.slice(2).filter((arg) => arg !== '--long');
const env = { ...process.env, ...(process.argv.includes('--long') ? { APERTURE_TEST_LONG: '1' } : {}) };
ensurePrograms([
  { program: 'redis-server', package: 'redis-server' },
  { program: 'openssl', package: 'openssl' },
  { program: 'rsyslogd', package: 'rsyslog' },
  // The audit log and exports are read by programs that share no code with us.
  { program: 'python3', package: 'python3' },
  { module: 'cbor2', package: 'python3-cbor2' },
  { program: 'zstd', package: 'zstd' },
  { program: 'chromium', package: 'chromium' },
  // Only root can make a network of its own.
  ...(process.getuid?.() === 0 ? [{ program: 'ip', package: 'iproute2' }] : []),
]);
install();
await build();
const vitest = (...more) => {
  run(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...more], { env });
};
if (args.length > 0 || process.argv.includes('--long')) {
  vitest(...args);
} else {
  // Those that hold what the gateway adds to a time against milliseconds have the machine to themselves. Where it stands
  // still for a moment all the same, it does so once: what is too slow is too slow three times.
  vitest('--exclude', `**/*${ALONE}`);
  vitest(ALONE, '--maxWorkers=1', '--retry=2');
}
