import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { packageRoot } from '../src/lib/package-root.ts';

/** Where and of what figures were taken: without it they say nothing. */
export interface Machine {
  date: string;
  cpu: string;
  cores: number;
  memoryBytes: number;
  kernel: string;
  /** It puts a thread that is woken on the processor of who woke it, though others sleep: latencies are waits then. */
  packsThreads: boolean;
  node: string;
  /** Empty outside a checkout. */
  commit: string;
  /** The checkout has changes that are in no commit. */
  dirty: boolean;
  /** Of the last one, five and fifteen minutes, before the run. */
  loadAverage: number[];
}

export function thisMachine(): Machine {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    packsThreads: packsThreads(),
    node: process.version,
    commit: git('rev-parse', 'HEAD'),
    dirty: git('status', '--porcelain') !== '',
    loadAverage: loadavg(),
  };
}

/** A scheduler for guests of a host that counts busy processors has this on its command line. False where none can be read. */
function packsThreads(): boolean {
  try {
    return /\bsched_vcpu_pack=[1-9]/.test(readFileSync('/proc/cmdline', 'utf8'));
  } catch {
    return false;
  }
}

function git(...args: string[]): string {
  const done = spawnSync('git', args, { cwd: packageRoot(), encoding: 'utf8' });
  return done.status === 0 ? done.stdout.trim() : '';
}
