// `npm start`: installs what is missing, builds what is stale, serves. Arguments go to the binary (default: serve).
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build } from './build.mjs';
import { install, root } from './install.mjs';

install();
await build();
const args = process.argv.slice(2);
const child = spawn(process.execPath, [join(root, 'dist', 'src', 'main.js'), ...(args.length > 0 ? args : ['serve'])], {
  cwd: root,
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
