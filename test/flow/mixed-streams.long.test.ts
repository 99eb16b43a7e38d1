import { readFileSync } from 'node:fs';
import { test } from 'vitest';
import { expectMixedStreams } from './mixed-streams.ts';

const STREAMS = 10_000;
/** What a process has open besides streams, and each stream has two sockets in the gateway. */
const OTHER_FILES = 1000;

/** As many as the machine lets one process have. */
function streamsWithin(openFiles: number): number {
  return Math.min(STREAMS, Math.floor((openFiles - OTHER_FILES) / 2));
}

function openFiles(): number {
  const hard = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return hard === undefined ? Number.POSITIVE_INFINITY : Number(hard);
}

test('failure mode 1: 10,000 paced streams of all APIs in one process, or as many as its open files allow', async () => {
  await expectMixedStreams({ streams: streamsWithin(openFiles()), startsPerSecond: 500, paceMs: 2000 });
});
