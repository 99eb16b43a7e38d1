// `npm run check`: installs what is missing, then types, lint and format, as many at once as there are processors; each says what it
// found when it ends.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { install, root } from './install.mjs';

const part = (name) => [join(root, 'src', 'setup', 'check-part.mjs'), name];
/** The longest first: none is left over at the end with a processor to itself. */
const CHECKS = {
  'types and lint of the gateway': part('gateway'),
  'types and lint of tests': part('tests'),
  'types and lint of the dashboard': part('dashboard'),
  format: [join(root, 'node_modules', 'prettier', 'bin', 'prettier.cjs'), '--check', '.'],
};

/** Resolves with whether it found nothing. */
function run(name, args) {
  const child = spawn(process.execPath, args, { cwd: root });
  let said = '';
  child.stdout.on('data', (chunk) => (said += chunk));
  child.stderr.on('data', (chunk) => (said += chunk));
  return new Promise((resolve) => {
    child.on('close', (status) => {
      console.log(`${name}: ${status === 0 ? 'well' : `not well\n${said}`}`);
      resolve(status === 0);
    });
  });
}

install();
const waiting = Object.entries(CHECKS);
let isWell = true;
// All four at once took 162 s on two processors, two at a time 152: each has a heap of a gigabyte to walk.
const lanes = Array.from({ length: availableParallelism() }, async () => {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) isWell = (await run(...next)) && isWell;
});
await Promise.all(lanes);
process.exit(isWell ? 0 : 1);
