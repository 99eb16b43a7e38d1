import { expect, test } from 'vitest';
import type { Attempted, Delivery } from '../../src/contract/delivery.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { ok } from '../../src/lib/result.ts';
import { createDeliverer } from '../../src/sinks/deliverer.ts';
import type { Destination } from '../../src/sinks/destination.ts';

const target = { origin: 'http://siem.example', path: '/', host: 'siem.example', plainHttp: false };

/** An outbox in memory, and a receiver that answers as it is told. Returns what was sent and what was noted, by call. */
async function serve(
  waiting: Delivery[],
  most: number,
  status: (sequences: readonly number[]) => number,
): Promise<{ sent: number[][]; settled: (readonly Attempted[])[] }> {
  const sent: number[][] = [];
  const settled: (readonly Attempted[])[] = [];
  let left = waiting;
  const destination: Destination = {
    name: 'webhooks.siem',
    parallel: 1,
    batch: { most, waitMs: 0 },
    request: (batch) => {
      sent.push(batch.map(({ sequence }) => sequence));
      return {
        destination: 'webhooks.siem',
        target,
        method: 'POST',
        headers: [],
        body: '',
        totalMs: 1_000,
        firstByteMs: 1_000,
        answerBytes: 0,
      };
    },
  };
  const deliverer = createDeliverer({
    outbox: {
      hold: () => Promise.resolve(0),
      keep: () => Promise.resolve(),
      release: () => Promise.resolve(),
      takeBack: () => Promise.resolve(0),
      next: (_, { count }) => Promise.resolve(left.slice(0, count)),
      settle: (_name, _holder, attempted) => {
        settled.push(attempted);
        left = left.filter(({ id }) => !attempted.some((each) => each.id === id && each.state !== 'waiting'));
        return Promise.resolve(true);
      },
    },
    egress: {
      send: () =>
        Promise.resolve(ok({ status: status(sent.at(-1)!), headers: [], body: new Uint8Array(), cut: false })),
    },
    destination: () => destination,
    holder: 'me',
    clock: systemClock,
  });
  await deliverer.serve('webhooks.siem');
  return { sent, settled };
}

function deliveries(count: number, attempts: (sequence: number) => number = () => 0): Delivery[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `id-${index + 1}`,
    destination: 'webhooks.siem',
    sequence: index + 1,
    kind: 'request.closed',
    payload: '{}',
    attempts: attempts(index + 1),
    rejections: 0,
    createdAtMs: 0,
  }));
}

const numbers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, at) => from + at);

test('a thousand events are one request, and noted in one statement', async () => {
  const { sent, settled } = await serve(deliveries(1_000), 1_000, () => 200);
  expect(sent).toEqual([numbers(1, 1_000)]);
  expect(settled.map(({ length }) => length)).toEqual([1_000]);
});

test('a batch that is rejected is halved, down to the event that is bad, and grows again', async () => {
  const { sent, settled } = await serve(deliveries(16), 8, (sequences) => (sequences.includes(3) ? 400 : 200));
  expect(sent).toEqual([numbers(1, 8), numbers(1, 4), [1, 2], [3, 4, 5, 6], [3, 4], [3]]);
  // The halves are no attempts: what was tried by itself is.
  expect(settled.map((noted) => noted.map(({ id, state }) => `${id} ${state}`))).toEqual([
    ['id-1 delivered', 'id-2 delivered'],
    ['id-3 waiting'],
  ]);
});

test('what failed together comes again together, and nothing with it', async () => {
  const attempts = (sequence: number): number => (sequence <= 3 ? 2 : 0);
  const { sent } = await serve(deliveries(6, attempts), 10, () => 200);
  expect(sent).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
});

test('all of a batch that failed wait for the same time', async () => {
  const { settled } = await serve(deliveries(5), 5, () => 503);
  expect(settled).toHaveLength(1);
  expect(new Set(settled[0]!.map(({ waitMs }) => waitMs)).size).toBe(1);
  expect(settled[0]!.every(({ state, error }) => state === 'waiting' && error === 'the receiver answered 503')).toBe(
    true,
  );
});
