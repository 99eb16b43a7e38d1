// `npm run test:agents [names]`: installs what is missing, builds, and lets real agents from npm call the gateway, each in
// its turn. Fails when one of them differs, after all have run.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from './build.mjs';
import { install, root } from './install.mjs';

const AGENTS = ['claude-code', 'codex', 'gemini-cli', 'opencode'];

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !AGENTS.includes(name));
if (unknown !== undefined) {
  console.error(`There is no agent ${unknown}; there are ${AGENTS.join(', ')}.`);
  process.exit(1);
}
install();
await build();
const failed = (asked.length === 0 ? AGENTS : asked).filter((name) => {
  console.log(`\n== ${name}`);
  const done = spawnSync(process.execPath, [join(root, 'dist', 'test', 'agents', `${name}.js`)], {
    cwd: root,
    stdio: 'inherit',
  });
  return done.status !== 0;
});
console.log(failed.length === 0 ? '\nall as expected' : `\ndiffering: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
