import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.ts';

/** A real Redis on a socket of its own. It may be killed and started again; what it was told survives that. */
export interface TestRedis {
  url: string;
  start(): Promise<void>;
  /** `SIGKILL`: no farewell. */
  kill(): Promise<void>;
  /** Stops it where it stands, or lets it go on. Who connects meanwhile is not answered. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  stop(): Promise<void>;
}

export async function startTestRedis(): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'aperture-test-redis-'));
  const socket = join(folder, 'redis.sock');
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    server = spawn(
      'redis-server',
      ['--port', '0', '--unixsocket', socket, '--dir', folder, '--appendonly', 'yes', '--appendfsync', 'always'],
      { stdio: 'ignore' },
    );
    await until('redis-server answers', () => answers(socket));
  };
  const kill = async (): Promise<void> => {
    const dying = server;
    if (dying === undefined) return;
    server = undefined;
    const gone = new Promise((resolve) => dying.once('exit', resolve));
    dying.kill('SIGKILL');
    await gone;
  };
  await start();
  return {
    url: socket,
    start,
    kill,
    signal: (name) => {
      server?.kill(name);
    },
    stop: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('data', (data) => {
      resolve(data.toString().startsWith('+PONG'));
      socket.destroy();
    });
    socket.once('error', () => {
      resolve(false);
    });
    socket.write('PING\r\n');
  });
}
