import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { readableBody, wholeBody } from '../src/dashboard/bodies.ts';
import type { Clock } from '../src/lib/clock.ts';
import type { Batch } from '../src/sinks/destination.ts';
import { attributes } from '../src/sinks/otlp/wire.ts';
import type { KeyValue } from '../src/sinks/otlp/wire.ts';
import { createCaptureStore, findCaptures } from '../src/store/captures.ts';
import type { StoredCapture } from '../src/store/captures.ts';
import { messagesOf } from './otlp-messages.ts';

/** Captures are stored beside records, mostly within a second: a span waits so long for that of its request. */
const CAPTURE_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 250;
/** Larger bodies are not read: an attribute has room for a small part of them. */
const BODY_BYTES = 4 * 1024 * 1024;
/** Of each attribute; of prompts the end is told, of answers the beginning. */
const CONTENT_BYTES = 64 * 1024;

interface ContentParts {
  pool: Pool;
  clock: Clock;
}

/**
 * What was said in these requests, as it was captured: without what rules took out of it, with the placeholders that they
 * put in its place, and nothing where nothing was kept. By the id of the request.
 */
export async function contentOf(
  { pool, clock }: ContentParts,
  deliveries: Batch,
  ids: readonly string[],
): Promise<Map<string, KeyValue[]>> {
  const youngestMs = Math.max(...deliveries.map(({ createdAtMs }) => createdAtMs));
  const store = createCaptureStore(pool);
  while ((await store.missing(ids)).length > 0 && clock.nowMs() < youngestMs + CAPTURE_WITHIN_MS) {
    await sleep(LOOK_AGAIN_MS);
  }
  const captures = await findCaptures(pool, ids);
  const content = new Map<string, KeyValue[]>();
  // One after the other: each may have megabytes in memory.
  for (const [id, capture] of captures) content.set(id, await attributesOf(pool, id, capture));
  return content;
}

async function attributesOf(pool: Pool, id: string, capture: StoredCapture): Promise<KeyValue[]> {
  const request = await bodyOf(pool, id, capture, 'request');
  const response = await bodyOf(pool, id, capture, 'response');
  const { system, input, output } = messagesOf(request, response);
  const told = { system: fitting(system), input: fitting([...input].reverse()), output: fitting(output) };
  const left = told.system.left + told.input.left + told.output.left;
  return attributes({
    // As JSON: stores that take maps in attributes of spans are few.
    'gen_ai.system_instructions': jsonOf(told.system.kept),
    'gen_ai.input.messages': jsonOf(told.input.kept.reverse()),
    'gen_ai.output.messages': jsonOf(told.output.kept),
    'aperture.content.left_out': left === 0 ? null : left,
  });
}

/** Undefined where it was not kept, is too large, or can be read no more. */
async function bodyOf(pool: Pool, id: string, capture: StoredCapture, side: 'request' | 'response'): Promise<unknown> {
  const body = capture[side];
  if (body === null || body.recipe === null || body.bytes > BODY_BYTES) return undefined;
  try {
    return await readableBody(capture, side, await wholeBody(pool, { id, login: capture.login, body }));
  } catch {
    // Purged meanwhile, or damaged: the span is told without it.
    return undefined;
  }
}

/** The first ones that have room together, and how many have none. */
function fitting<T>(items: readonly T[]): { kept: T[]; left: number } {
  let bytes = 2;
  const end = items.findIndex((item) => {
    bytes += Buffer.byteLength(JSON.stringify(item)) + 1;
    return bytes > CONTENT_BYTES;
  });
  const count = end < 0 ? items.length : end;
  return { kept: items.slice(0, count), left: items.length - count };
}

function jsonOf(items: readonly unknown[]): string {
  return items.length === 0 ? '' : JSON.stringify(items);
}
