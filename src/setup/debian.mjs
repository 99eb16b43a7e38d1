// Programs that tests and benchmarks need from Debian's packages: installed when we are root there, asked for otherwise.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

function onPath(program) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin'];
  return folders.some((folder) => existsSync(`${folder}/${program}`));
}

function isThere(need) {
  // Libraries stand in a folder of the machine's kind: /usr/lib/x86_64-linux-gnu.
  if ('library' in need) return readdirSync('/usr/lib').some((kind) => existsSync(`/usr/lib/${kind}/${need.library}`));
  return 'module' in need ? existsSync(`/usr/lib/python3/dist-packages/${need.module}`) : onPath(need.program);
}

/**
 * @param {({ program: string, package: string } | { module: string, package: string } | { library: string, package: string })[]} needs
 *   `module`: of Debian's Python; `library`: below /usr/lib
 */
export function ensurePrograms(needs) {
  const missing = needs.filter((need) => !isThere(need));
  if (missing.length === 0) return;
  const packages = missing.map((need) => need.package);
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    console.error(`Please install ${packages.join(' ')} first, e.g.: sudo apt-get install -y ${packages.join(' ')}`);
    process.exit(1);
  }
  console.log(`Installing ${packages.join(' ')} ...`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // No service is started: tests start their own servers on ports of their own.
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...env, RUNLEVEL: '1' } };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
  ]) {
    if (spawnSync('apt-get', args, quiet).status !== 0) {
      console.error(`apt-get ${args.join(' ')} failed; please install ${packages.join(' ')} by hand.`);
      process.exit(1);
    }
  }
}
