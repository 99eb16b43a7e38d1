import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import type { FromInspector } from '../../src/contract/messages.ts';
import { Outbox, bytesFromInspector, joinedCredit } from '../../src/inspect/link.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

function open(): { outbox: Outbox<string>; arrived: string[][] } {
  const { port1, port2 } = new MessageChannel();
  const arrived: string[][] = [];
  port2.on('message', (messages: string[]) => arrived.push(messages));
  closing.push(() => {
    port1.close();
  });
  return { outbox: new Outbox<string>(port1, () => undefined), arrived };
}

/** Until everything that was posted has arrived: a channel of its own is asked after it. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  const { port1, port2 } = new MessageChannel();
  port1.postMessage('');
  await once(port2, 'message');
  port1.close();
}

test('what somebody waits for leaves before the turn is over, and takes along what was held', async () => {
  const { outbox, arrived } = open();
  outbox.postLater('copy');
  outbox.postNow('first');
  // What follows at once waits for the turn: a message a byte would cost more than it saves.
  outbox.postNow('second');
  outbox.post('third');
  await settled();
  expect(arrived).toEqual([
    ['copy', 'first'],
    ['second', 'third'],
  ]);
});

test('messages of one turn leave together, in order', async () => {
  const { outbox, arrived } = open();
  outbox.post('first');
  outbox.post('second');
  outbox.postLater('third');
  await settled();
  expect(arrived).toEqual([['first', 'second', 'third']]);
});

test('a closed outbox takes nothing more', async () => {
  const { outbox, arrived } = open();
  outbox.post('first');
  outbox.close();
  outbox.post('second');
  outbox.postNow('third');
  await settled();
  expect(arrived).toEqual([['first']]);
});

test('credit is told as a sum, and what stands between it in its place', async () => {
  const { port1, port2 } = new MessageChannel();
  const arrived: FromInspector[][] = [];
  port2.on('message', (messages: FromInspector[]) => arrived.push(messages));
  closing.push(() => {
    port1.close();
  });
  const outbox = new Outbox<FromInspector>(port1, bytesFromInspector, joinedCredit);
  for (const bytes of [1, 20, 300]) outbox.post({ kind: 'credit', bytes });
  outbox.post({ kind: 'pong' });
  for (const bytes of [4_000, 50_000]) outbox.post({ kind: 'credit', bytes });
  await settled();
  expect(arrived).toEqual([[{ kind: 'credit', bytes: 321 }, { kind: 'pong' }, { kind: 'credit', bytes: 54_000 }]]);
});

test('one that has slept is woken, once, and nothing is held for it; one that was just told something is not', async () => {
  const { outbox, arrived } = open();
  outbox.wake('wake');
  outbox.wake('again');
  outbox.postNow('asked');
  outbox.wake('awake');
  await settled();
  outbox.wake('later');
  await settled();
  expect(arrived).toEqual([['wake'], ['asked'], ['later']]);
});
