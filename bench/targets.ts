import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../src/lib/package-root.ts';
import { elsewhere } from '../src/store/postgres-home.ts';

/** Something that answers on a port of this machine, in processes of its own. */
export interface Target {
  name: string;
  port: number;
  /** Processes whose CPU counts; the first one's first thread is the front door. */
  pids: number[];
  stop(): Promise<void>;
}

const STARTED_WITHIN_MS = 60_000;

export async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
  });
}

function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'aperture-bench-'));
}

function built(...path: string[]): string {
  return join(packageRoot(), 'dist', ...path);
}

async function answering(port: number, path: string): Promise<void> {
  const until = performance.now() + STARTED_WITHIN_MS;
  while (performance.now() < until) {
    try {
      await fetch(`http://127.0.0.1:${port}${path}`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`nothing answers on port ${port}`);
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}

/** The provider, the same for all variants. */
export async function startProvider(): Promise<Target> {
  const port = await freePort();
  const child = spawn(process.execPath, [built('src', 'main.js'), 'simulate', '--port', String(port)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await answering(port, '/v1/models');
  return { name: 'simulator', port, pids: [child.pid ?? 0], stop: () => ended(child, 'SIGTERM') };
}

/** nginx `proxy_pass` with keep-alive and without buffering: the limit. */
export async function startNginx(upstream: number): Promise<Target> {
  const port = await freePort();
  const folder = scratch();
  mkdirSync(join(folder, 'logs'));
  writeFileSync(
    join(folder, 'nginx.conf'),
    `worker_processes 1; daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
     ${process.getuid?.() === 0 ? 'user root;' : ''}
     events { worker_connections 4096; }
     http {
       access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
       fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
       client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 1000000;
       upstream provider { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000; }
       server {
         listen 127.0.0.1:${port};
         location / { proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection "";
                      proxy_buffering off; proxy_read_timeout 600s; }
       }
     }`,
  );
  const program = existsSync('/usr/sbin/nginx') ? '/usr/sbin/nginx' : 'nginx';
  const child = spawn(program, ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  await answering(port, '/v1/models');
  // The master waits; the worker works.
  const workers = spawnSync('pgrep', ['-P', String(child.pid)])
    .stdout.toString()
    .trim()
    .split('\n')
    .map(Number);
  return {
    name: 'nginx',
    port,
    pids: workers,
    async stop() {
      await ended(child, 'SIGTERM');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** uWebSockets.js and undici with nothing between: what our choice of parts costs by itself. */
export async function startBare(upstream: number): Promise<Target> {
  const port = await freePort();
  const child = spawn(process.execPath, [built('bench', 'bare.js'), String(port), String(upstream)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await answering(port, '/v1/models');
  return { name: 'bare', port, pids: [child.pid ?? 0], stop: () => ended(child, 'SIGKILL') };
}

/** Ours, governed: identity, grants, routing, key injection, journal, inspection, records, metrics. */
export async function startOurs(upstream: number): Promise<Target> {
  const port = await freePort();
  const folder = scratch();
  const config = join(folder, 'config.json');
  writeFileSync(
    config,
    JSON.stringify({
      providers: {
        provider: {
          baseurl: `http://127.0.0.1:${upstream}`,
          apikey: 'sk-bench',
          models: ['gpt-5-mini'],
          cost_basis: 'openai',
        },
      },
      grants: [
        {
          src: ['(loopback)'],
          app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }, { models: '**' }, { read_metrics: true }] },
        },
      ],
      server: { inspectors: 1 },
    }),
  );
  const child = spawn(process.execPath, [built('src', 'main.js'), 'serve', '--no-simulator', '--config', config], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      APERTURE_DATA_DIR: join(folder, 'data'),
      APERTURE_LISTEN: `127.0.0.1:${port}`,
      APERTURE_LOG_LEVEL: 'error',
    },
  });
  await answering(port, '/healthz');
  return {
    name: 'ours',
    port,
    pids: [child.pid ?? 0],
    async stop() {
      await ended(child, 'SIGTERM');
      // As root the embedded cluster lives where its own user can reach it.
      rmSync(elsewhere(realpathSync(join(folder, 'data'))), { recursive: true, force: true });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
