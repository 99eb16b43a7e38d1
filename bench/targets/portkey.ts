import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { answering, ended, freePort, trusting, urlOf } from '../targets.ts';
import type { Target, Upstream } from '../targets.ts';

/** Its newest release. Hono's server of another version breaks its streams: it goes for all that ask for one. */
const PACKAGE = JSON.stringify({
  private: true,
  dependencies: { '@portkey-ai/gateway': '1.15.2', hono: '4.9.7', '@hono/node-server': '1.13.5' },
  overrides: { hono: '4.9.7', '@hono/node-server': '1.13.5' },
});

/** Portkey's gateway with no more than it needs to pass requests on. Rejects when it cannot be installed. */
export async function startPortkey(upstream: Upstream): Promise<Target> {
  const program = join(installed(), 'node_modules', '@portkey-ai', 'gateway', 'build', 'start-server.js');
  const port = await freePort();
  const child = spawn(process.execPath, [program, `--port=${port}`, '--headless'], {
    stdio: 'ignore',
    env: { ...trusting(upstream), TRUSTED_CUSTOM_HOSTS: '127.0.0.1' },
  });
  await answering(port, '/');
  return {
    name: 'portkey',
    port,
    pids: [child.pid ?? 0],
    headers: {
      authorization: 'Bearer sk-bench',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `${urlOf(upstream)}/v1`,
      // What the simulator is to do: it passes on none by itself.
      'x-portkey-forward-headers': 'x-sim',
    },
    stop: () => ended(child, 'SIGKILL'),
  };
}

/** Kept between runs, outside the checkout: it is no dependency of ours. */
function installed(): string {
  const folder = join(homedir(), '.cache', 'aperture-bench', 'portkey');
  const asked = join(folder, 'package.json');
  const done = join(folder, 'node_modules', '.package-lock.json');
  if (existsSync(done) && readFileSync(asked, 'utf8') === PACKAGE) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(asked, PACKAGE);
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, error, stderr } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`it could not be installed: ${error?.message ?? stderr}`);
  return folder;
}
