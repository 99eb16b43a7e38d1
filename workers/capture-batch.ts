import { ExchangeCapture } from '../src/capture/exchange.ts';
import type { CaptureJournal, CaptureOrder, CaptureSettings } from '../src/capture/messages.ts';
import type { Capture } from '../src/contract/capture.ts';
import { PostCall } from '../src/guardrails/hooks/post-call.ts';
import { readCaptured } from '../src/journal/captured.ts';
import type { BlobWriter } from './capture-blobs.ts';
import type { HookTeller } from './capture-hooks.ts';

/** Blobs of a long body go to the database before it is read to its end. */
const STORE_FROM_BYTES = 8 * 1024 * 1024;

/** Where a batch goes. */
export interface BatchTargets {
  blobs: BlobWriter;
  hooks: HookTeller;
  /** Resolves when they are in the database. */
  storeCaptures: (gateway: string, captures: readonly Capture[]) => Promise<void>;
}

/** Ids of some orders: captured, and left for later since hooks wait for their records. */
export interface Stored {
  captures: Set<string>;
  early: Set<string>;
}

/** Stores the captures of these orders, and tells their hooks; answers the ids of those that there are. */
export async function captureBatch(
  { blobs, hooks, storeCaptures }: BatchTargets,
  settings: CaptureSettings,
  { folder, gateway }: CaptureJournal,
  orders: readonly CaptureOrder[],
): Promise<Stored> {
  const exchanges = new Map(orders.map((order) => [order.id, new ExchangeCapture(order, settings)]));
  const calls = new Map(orders.map(({ id }) => [id, new PostCall()]));
  let heldBytes = 0;
  for await (const frames of readCaptured(folder, orders)) {
    for (const { exchange, sequence, says } of frames) {
      exchanges.get(exchange)?.add(sequence, says);
      calls.get(exchange)?.add(says);
      if ('bytes' in says) heldBytes += says.bytes.length;
    }
    if (heldBytes < STORE_FROM_BYTES) continue;
    heldBytes = 0;
    await blobs.store(exchanges.values());
  }
  const due = orders.filter(({ id }) => calls.get(id)?.isDue === true);
  const facts = await hooks.facts(due);
  const early = new Set<string>(due.filter(({ id }) => !facts.has(id)).map(({ id }) => id));
  const captures = [...exchanges.values()].flatMap((exchange) => exchange.end() ?? []);
  await blobs.store(exchanges.values());
  // Before the captures are stored: whoever sees those need not look here again.
  for (const { id } of due) {
    const [call, said] = [calls.get(id), facts.get(id)];
    if (call !== undefined && said !== undefined) await hooks.tell(id, call, said);
    // Its bodies are long, and not needed any more.
    calls.delete(id);
  }
  const ready = captures.filter(({ id }) => !early.has(id));
  await storeCaptures(gateway, ready);
  return { captures: new Set(ready.map(({ id }) => id)), early };
}
