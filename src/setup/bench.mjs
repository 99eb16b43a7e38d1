// `npm run bench`, `npm run bench:gate`: installs what is missing (nginx is the yardstick), builds, measures.
import { join } from 'node:path';
import { build } from './build.mjs';
import { ensurePrograms } from './debian.mjs';
import { install, root, run } from './install.mjs';

ensurePrograms([
  { program: 'nginx', package: 'nginx-light' },
  { program: 'openssl', package: 'openssl' },
  { program: 'tcpdump', package: 'tcpdump' },
]);
install();
await build();
const args = process.argv.slice(2);
const gate = args[0] === 'gate';
run(process.execPath, [join(root, 'dist', 'bench', gate ? 'gate.js' : 'run.js'), ...args.slice(gate ? 1 : 0)]);
