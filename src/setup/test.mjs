// `npm test [files]`, `npm run test:long`: installs what is missing, builds, runs every test.
import { join } from 'node:path';
import { build } from './build.mjs';
import { ensurePrograms } from './debian.mjs';
import { install, root, run } from './install.mjs';

const args = process.argv.slice(2).filter((arg) => arg !== '--long');
const env = { ...process.env, ...(process.argv.includes('--long') ? { APERTURE_TEST_LONG: '1' } : {}) };
ensurePrograms([
  { program: 'redis-server', package: 'redis-server' },
  { program: 'openssl', package: 'openssl' },
  { program: 'rsyslogd', package: 'rsyslog' },
  { library: 'rsyslog/lmnsd_ossl.so', package: 'rsyslog-openssl' },
  // The audit log and exports are read by programs that share no code with us.
  { program: 'python3', package: 'python3' },
  { module: 'cbor2', package: 'python3-cbor2' },
  { program: 'zstd', package: 'zstd' },
  { program: 'chromium-headless-shell', package: 'chromium-headless-shell' },
  // Only root can make a network of its own, and watch one.
  ...(process.getuid?.() === 0
    ? [
        { program: 'ip', package: 'iproute2' },
        { program: 'tcpdump', package: 'tcpdump' },
      ]
    : []),
]);
install();
await build();
run(process.execPath, [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...args], { env });
