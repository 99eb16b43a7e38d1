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
export async function bodyOf(
  gateway: TestGateway,
  id: string,
  side: 'request' | 'response',
  withinMs = 60_000,
): Promise<string> {
  let last = '';
  try {
    return await until(
      `the ${side} of ${id} is captured`,
      async () => {
        const response = await fetch(`${gateway.url}/api/requests/${id}/body?side=${side}`);
        const text = await response.text();
        last = `${response.status} ${text}`;
        return response.status === 200 ? text : undefined;
      },
      withinMs,
    );
  } catch (error) {
    throw new Error(`${String(error)}; the last answer was ${last}; ${await captureMetrics(gateway)}`, {
      cause: error,
    });
  }
}

async function captureMetrics(gateway: TestGateway): Promise<string> {
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  const lines = metrics.split('\n').filter((line) => /^aperture_(capture|journal|records_waiting)/.test(line));
  return [...lines, gateway.output()].join('\n');
}
