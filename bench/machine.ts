import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { packageRoot } from '../src/lib/package-root.ts';

/** Where and of what figures were taken: without it they say nothing. */
export interface Machine {
  date: string;
  cpu: string;
  cores: number;
  memoryBytes: number;
  kernel: string;
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
    node: process.version,
    commit: git('rev-parse', 'HEAD'),
    dirty: git('status', '--porcelain') !== '',
    loadAverage: loadavg(),
  };
}

function git(...args: string[]): string {
  const done = spawnSync('git', args, { cwd: packageRoot(), encoding: 'utf8' });
  return done.status === 0 ? done.stdout.trim() : '';
}
