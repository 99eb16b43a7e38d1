// `npm run check`: installs what is missing, then types and lint (.oxlintrc.jsonc), then format (.oxfmtrc.json). Says all that it
// finds before it ends.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { install, root } from './install.mjs';

/** The exit status of a tool that a package brings, run in the checkout. */
function statusOf(name, ...args) {
  console.log(`> ${[name, ...args].join(' ')}`);
  const program = join(root, 'node_modules', name, 'bin', name);
  return spawnSync(process.execPath, [program, ...args], { cwd: root, stdio: 'inherit' }).status;
}

install();
const statuses = [statusOf('oxlint'), statusOf('oxfmt', '--check')];
process.exit(statuses.every((status) => status === 0) ? 0 : 1);
