// `npm run check`: installs what is missing, then types, lint and format at the same time; each says what it found when it ends.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { install, root } from './install.mjs';

const bin = (...path) => join(root, 'node_modules', ...path);
const CHECKS = {
  'types of the gateway': [bin('typescript', 'bin', 'tsc'), '-p', 'tsconfig.json'],
  'types of the dashboard': [bin('typescript', 'bin', 'tsc'), '-p', join('src', 'dashboard', 'app')],
  lint: [bin('eslint', 'bin', 'eslint.js'), '.'],
  format: [bin('prettier', 'bin', 'prettier.cjs'), '--check', '.'],
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
