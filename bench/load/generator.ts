import { fork } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../src/lib/package-root.ts';
import type { LoadOptions, LoadResult } from './client.ts';
import { goFirst } from './priority.ts';

/** A load for another process: `LoadOptions` without what cannot be sent. */
export interface LoadJob extends Omit<LoadOptions, 'host' | 'request' | 'onBody' | 'onAnswer' | 'clock'> {
  /** Head and body of every request; of several, one after the other and again from the first. */
  request: Uint8Array | readonly Uint8Array[];
}

export interface LoadGenerator {
  pid: number;
  /** It waits for no other process (bench/load/priority.ts). */
  first: boolean;
  /** Applies one load to this machine's `port` and answers every sample. One at a time. Rejects when the process dies. */
  apply(job: LoadJob): Promise<LoadResult>;
  stop(): void;
}

/** The load generator in a process of its own (bench/programs/generator.ts). */
export function startGenerator(): LoadGenerator {
  const child = fork(join(packageRoot(), 'dist', 'bench', 'programs', 'generator.js'), { serialization: 'advanced' });
  const pid = child.pid ?? 0;
  const first = goFirst(pid);
  return {
    pid,
    first,
    apply(job) {
      return new Promise((resolve, reject) => {
        const died = (code: number | null): void => {
          reject(new Error(`the load generator ended with ${code}`));
        };
        child.once('exit', died);
        child.once('message', (result) => {
          child.off('exit', died);
          resolve(result as LoadResult);
        });
        child.send(job);
      });
    },
    stop() {
      child.kill('SIGKILL');
    },
  };
}
