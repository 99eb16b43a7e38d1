import { expect } from 'vitest';
import type { Api } from '../../../src/contract/api.ts';
import { zeroUsage } from '../../../src/contract/usage.ts';
import type { Usage } from '../../../src/contract/usage.ts';
import type { RecordRow, TestGateway } from '../../support/gateway.ts';

/** What passed through a recording fetch, in the order in which it came. */
export interface Passed {
  bytes: Buffer[];
  /** Of the gateway's records; a direct call has none. */
  ids: string[];
}

export function nothingPassed(): Passed {
  return { bytes: [], ids: [] };
}

/** A fetch that keeps every byte of the response bodies that pass through it. */
export function recordingFetch(passed: Passed): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const id = response.headers.get('x-aperture-request-id');
    if (id !== null) passed.ids.push(id);
    const body = response.body?.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          passed.bytes.push(Buffer.from(chunk));
          controller.enqueue(chunk);
        },
      }),
    );
    return new Response(body, { status: response.status, headers: response.headers });
  };
}

/** What an SDK tells its caller of an answer, in one shape for all of them. */
export interface Told {
  text: string;
  /** All input and all output tokens; undefined where the SDK was told none. */
  input: number | undefined;
  output: number | undefined;
  /** Names of the tools that are to be called. */
  tools: string[];
}

/** Where a client is pointed at, and what it is to use. */
export interface Target {
  origin: string;
  fetch: typeof fetch;
  /** `x-sim` steers the simulator. */
  headers: Record<string, string>;
}

/**
 * One call of an SDK, made through the gateway and directly: the same bytes must come, and tell the caller the same.
 * Answers what was told, and the gateway's record.
 */
export async function compared<T>(
  gateway: TestGateway,
  sim: string,
  call: (target: Target) => Promise<T>,
): Promise<{ told: T; record: RecordRow }> {
  const through = nothingPassed();
  const direct = nothingPassed();
  const headers = { 'x-sim': sim };
  const told = await call({ origin: gateway.url, fetch: recordingFetch(through), headers });
  const toldDirectly = await call({ origin: gateway.simulatorUrl, fetch: recordingFetch(direct), headers });
  expect(told).toEqual(toldDirectly);
  const bytes = Buffer.concat(through.bytes);
  expect(bytes.equals(Buffer.concat(direct.bytes)), bytes.toString()).toBe(true);
  expect(bytes.length).toBeGreaterThan(0);
  expect(through.ids).toHaveLength(1);
  return { told, record: await recordOf(gateway, through.ids[0] ?? '') };
}

/** What a record must say of a call. */
export interface Booked {
  api: Api;
  agent: string;
  stream: boolean;
  /** The kinds that are not zero. */
  usage: Partial<Usage>;
  /** Nanodollars, reckoned by hand from the vendor's published prices. */
  cost: number;
  tools?: string[];
  edits?: string[];
}

export function expectBooked(record: RecordRow, booked: Booked): void {
  const { api, agent, stream, usage, cost, tools = [], edits = [] } = booked;
  expect(record).toMatchObject({ state: 'complete', status: 200, usage_state: 'final', api, agent, stream });
  expect(record.client_version).toMatch(/^\d+\.\d+\.\d+/);
  expect(record.usage).toEqual({ ...zeroUsage(), ...usage });
  expect(record.cost_nanodollars).toBe(String(cost));
  expect(record.tool_calls.map(({ name }) => name)).toEqual(tools);
  expect(record.edits.map(({ kind }) => kind)).toEqual(edits);
}

export function recordOf(gateway: TestGateway, id: string): Promise<RecordRow> {
  return gateway.record(id, (record) => record.id === id);
}

/** A plain answer: what the simulator is asked for, what an SDK must tell, and what must be booked. */
export const ANSWER = {
  sim: 'text=Hello%20there;input=1200;cached=300;output=40;reasoning=10',
  told: { text: 'Hello there', input: 1500, output: 50, tools: [] },
  usage: { input_uncached: 1200, cache_read: 300, output: 40, reasoning: 10 },
};

/** An answer that calls the tool, without a cache. */
export const TOOL_CALL = {
  sim: 'input=1200;output=40;tools=1',
  told: { input: 1200, output: 40, tools: ['read_file'] },
  usage: { input_uncached: 1200, output: 40 },
};

/** A tool that all SDKs are given, as JSON Schema. */
export const READ_FILE = {
  name: 'read_file',
  description: 'Reads a file',
  schema: { type: 'object' as const, properties: { path: { type: 'string' as const } }, required: ['path'] },
};
