import { readFileSync, readdirSync } from 'node:fs';

/** USER_HZ, the unit of /proc stat times: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Pages of x86-64 and of most arm64 kernels; RSS is for trends, not for exact sums. */
const PAGE_BYTES = 4096;

export interface ThreadCpu {
  tid: number;
  name: string;
  /** User and system time since the thread began, in milliseconds, by clock ticks of 10 ms. */
  cpuMs: number;
  /** The same from the scheduler, in nanosecond resolution; undefined where the kernel does not tell. */
  runMs: number | undefined;
}

export interface ProcessCpu {
  pid: number;
  /** Of the process, ended threads included, in milliseconds, by clock ticks. */
  userMs: number;
  systemMs: number;
  rssBytes: number;
  threads: ThreadCpu[];
}

interface Stat {
  name: string;
  userTicks: number;
  systemTicks: number;
  rssPages: number;
}

/** Fields 2, 14, 15 and 24 of proc_pid_stat(5). The name may hold blanks and parentheses: it ends at the last one. */
export function parseStat(text: string): Stat {
  const end = text.lastIndexOf(')');
  // After the name comes field 3.
  const fields = text.slice(end + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    name: text.slice(text.indexOf('(') + 1, end),
    userTicks: field(14),
    systemTicks: field(15),
    rssPages: field(24),
  };
}

function ms(ticks: number): number {
  return (ticks * 1000) / TICKS_PER_SECOND;
}

/** Reads a process of this machine. Throws when it is gone. */
export function readCpu(pid: number): ProcessCpu {
  const stat = parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const threads = readdirSync(`/proc/${pid}/task`).flatMap((tid) => readThread(pid, Number(tid)));
  return {
    pid,
    userMs: ms(stat.userTicks),
    systemMs: ms(stat.systemTicks),
    rssBytes: stat.rssPages * PAGE_BYTES,
    threads,
  };
}

/** Nothing when the thread ended between the listing and the look. */
function readThread(pid: number, tid: number): ThreadCpu[] {
  const folder = `/proc/${pid}/task/${tid}`;
  try {
    const stat = parseStat(readFileSync(`${folder}/stat`, 'utf8'));
    return [{ tid, name: stat.name, cpuMs: ms(stat.userTicks + stat.systemTicks), runMs: readRun(folder) }];
  } catch {
    return [];
  }
}

function readRun(folder: string): number | undefined {
  try {
    const nanoseconds = Number(readFileSync(`${folder}/schedstat`, 'utf8').split(' ')[0]);
    return nanoseconds / 1e6;
  } catch {
    return undefined; // A kernel without CONFIG_SCHED_INFO.
  }
}

/** CPU milliseconds that a process spent between two looks, by the finest clock there is. */
export function spentMs(before: ProcessCpu, after: ProcessCpu): number {
  const known = new Map(before.threads.map((thread) => [thread.tid, thread]));
  let sum = 0;
  for (const thread of after.threads) {
    const earlier = known.get(thread.tid);
    if (thread.runMs === undefined) return after.userMs + after.systemMs - before.userMs - before.systemMs;
    sum += thread.runMs - (earlier?.runMs ?? 0);
  }
  return sum;
}

/**
 * CPU microseconds that a process spent between two looks, by thread: `main`, those that have a name of their own, and
 * `others` (of V8 and libuv, which are named as the process is). What a thread spent that has ended is not in it.
 */
export function spentByThread(before: ProcessCpu, after: ProcessCpu): Map<string, number> {
  const known = new Map(before.threads.map((thread) => [thread.tid, usedMs(thread)]));
  const ofProcess = after.threads.find(({ tid }) => tid === after.pid)?.name;
  const spent = new Map<string, number>();
  for (const thread of after.threads) {
    const name = thread.tid === after.pid ? 'main' : thread.name === ofProcess ? 'others' : thread.name;
    const us = (usedMs(thread) - (known.get(thread.tid) ?? 0)) * 1000;
    spent.set(name, (spent.get(name) ?? 0) + us);
  }
  return spent;
}

function usedMs(thread: ThreadCpu): number {
  return thread.runMs ?? thread.cpuMs;
}
