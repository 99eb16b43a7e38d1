// `npm run check`: installs what is missing, then types, lint and format at the same time; each says what it found when it ends.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { install, root } from './install.mjs';

const part = (name) => [join(root, 'src', 'setup', 'check-part.mjs'), name];
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
const all = await Promise.all(Object.entries(CHECKS).map(([name, args]) => run(name, args)));
process.exit(all.every(Boolean) ? 0 : 1);
