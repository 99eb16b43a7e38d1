import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.ts';

/** A real Redis on a socket of its own. It may be killed and started again; what it was told survives that, or not. */
export interface TestRedis {
  /** As our own parts take it; a gateway's environment takes `tcpUrl`. */
  url: string;
  tcpUrl: string;
  start(): Promise<void>;
  /** What it knows now is on disk: where it keeps nothing else, the next start goes back to that. */
  save(): Promise<void>;
  /** Forgets all, and goes on. */
  flush(): Promise<void>;
  /** `SIGKILL`: no farewell. */
  kill(): Promise<void>;
  /** Stops it where it stands, or lets it go on. Who connects meanwhile is not answered. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  stop(): Promise<void>;
}

export interface TestRedisOptions {
  /** Keeps nothing on disk, but by `save`. */
  forgets?: boolean;
  /** Listens there too. */
  port?: number;
}

export async function startTestRedis({ forgets = false, port = 0 }: TestRedisOptions = {}): Promise<TestRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'aperture-test-redis-'));
  const socket = join(folder, 'redis.sock');
  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    server = spawn(
      'redis-server',
      ['--port', String(port), '--unixsocket', socket, '--dir', folder, ...(forgets ? FORGETS : KEEPS)],
      { stdio: 'ignore' },
    );
    await until('redis-server answers', async () => (await say(socket, 'PING')) === '+PONG');
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
    tcpUrl: `redis://127.0.0.1:${port}`,
    start,
    save: () => done(socket, 'SAVE'),
    flush: () => done(socket, 'FLUSHALL'),
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

const KEEPS = ['--appendonly', 'yes', '--appendfsync', 'always'];
const FORGETS = ['--appendonly', 'no', '--save', ''];

async function done(path: string, command: string): Promise<void> {
  const answer = await say(path, command);
  if (answer !== '+OK') throw new Error(`${command} was answered ${answer ?? 'not at all'}`);
}

/** The first line of the answer; undefined where nobody answers. */
function say(path: string, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('data', (data) => {
      resolve(data.toString().split('\r\n')[0]);
      socket.destroy();
    });
    socket.once('error', () => {
      resolve(undefined);
    });
    socket.write(`${command}\r\n`);
  });
}
