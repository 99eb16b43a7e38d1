import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { hasCode } from '../src/lib/error-code.ts';
import { packageRoot } from '../src/lib/package-root.ts';
import type { SimulatorOptions } from '../src/simulator/provider.ts';

/** Something that answers on a port of this machine, in processes of its own. One file each in bench/targets. */
export interface Target {
  name: string;
  port: number;
  /** Processes whose CPU counts; the first one's first thread is the front door. */
  pids: number[];
  /** That a request needs besides its own. */
  headers?: Record<string, string>;
  /** What of what requests leave behind is still to be done, and how much. Absent where nothing outlives an answer. */
  waiting?(): Promise<string[]>;
  stop(): Promise<void>;
}

/** Where a target's requests go. */
export interface Upstream {
  port: number;
  /** A file with the certificate to trust: the upstream speaks TLS. */
  caFile?: string;
}

export function urlOf(upstream: Upstream): string {
  return `${upstream.caFile === undefined ? 'http' : 'https'}://127.0.0.1:${upstream.port}`;
}

/** What Node needs to trust the upstream. */
export function trusting(upstream: Upstream): NodeJS.ProcessEnv {
  return { ...process.env, ...(upstream.caFile === undefined ? {} : { NODE_EXTRA_CA_CERTS: upstream.caFile }) };
}

const STARTED_WITHIN_MS = 60_000;

/**
 * Below the range that Linux takes the ports of outgoing connections from (`ip_local_port_range`): nobody else's connection
 * stands on it by the time that it is listened on, or listened on again.
 */
const FREE_PORTS = { from: 10_000, to: 32_768 };

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FREE_PORTS.from, FREE_PORTS.to);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => {
      if (hasCode(error, 'EADDRINUSE')) resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/** A new folder outside the checkout. */
export function scratch(): string {
  return mkdtempSync(join(tmpdir(), 'aperture-bench-'));
}

/** A file of the build. */
export function built(...path: string[]): string {
  return join(packageRoot(), 'dist', ...path);
}

/** A program of Node's whose complaints are shown. */
export function startNode(args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  return spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'], env });
}

/** Waits until something answers there; that it wants TLS is an answer too. */
export async function answering(port: number, path: string): Promise<void> {
  const until = performance.now() + STARTED_WITHIN_MS;
  while (performance.now() < until) {
    try {
      await fetch(`http://127.0.0.1:${port}${path}`);
      return;
    } catch (error) {
      if (!(error instanceof Error && hasCode(error.cause, 'ECONNREFUSED'))) return;
      await wait(50);
    }
  }
  throw new Error(`nothing answers on port ${port}`);
}

export async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}

/** The provider, the same for all variants. */
export async function startProvider(options: Partial<SimulatorOptions> = {}): Promise<Target> {
  const port = await freePort();
  const told = JSON.stringify({ ...options, host: '127.0.0.1', port });
  const child = startNode([built('bench', 'programs', 'provider.js'), told]);
  await answering(port, '/v1/models');
  return { name: 'simulator', port, pids: [child.pid ?? 0], stop: () => ended(child, 'SIGTERM') };
}
