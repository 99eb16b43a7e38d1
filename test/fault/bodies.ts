import type { TestGateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';

/** Readers of the API at once; it takes 64. */
const READERS = 8;

/** Calls `read` for each, some at a time. */
export async function readInParallel<T>(all: readonly T[], read: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const reader = async (): Promise<void> => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) await read(one);
  };
  await Promise.all(Array.from({ length: READERS }, reader));
}

/** A body of an exchange as it is stored; waits for it. */
export function bodyOf(
  gateway: TestGateway,
  id: string,
  side: 'request' | 'response',
  withinMs = 60_000,
): Promise<string> {
  return until(
    `the ${side} of ${id} is captured`,
    async () => {
      const response = await fetch(`${gateway.url}/api/requests/${id}/body?side=${side}`);
      const text = await response.text();
      return response.status === 200 ? text : undefined;
    },
    withinMs,
  );
}
