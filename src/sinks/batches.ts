import type { Delivery } from '../contract/delivery.ts';
import { DELIVERY_PAGE_BYTES } from '../contract/limits.ts';
import type { Batch, Destination } from './destination.ts';

/** Read at once where each is a request of its own. */
const PAGE = 16;

/** What is read of a destination at once: where several go in one request, just these. */
export function pageSizeOf({ batch }: Destination): { count: number; bytes: number } {
  return { count: batch.most === 1 ? PAGE : batch.most, bytes: DELIVERY_PAGE_BYTES };
}

/** Whether to send what was found, and not to wait for more to go with it. */
export function isEnough(found: readonly Delivery[], { batch }: Destination): boolean {
  const [first] = found;
  if (first === undefined || first.attempts > 0 || found.length >= batch.most) return true;
  return found.reduce((sum, { payload }) => sum + payload.length, 0) >= DELIVERY_PAGE_BYTES / 2;
}

/**
 * The next requests, at most `parallel` of at most `most` deliveries. Those that failed together come again together, and
 * nothing with them, so that they are known by the same id.
 */
export function batchesOf(deliveries: readonly Delivery[], most: number, parallel: number): Batch[] {
  const batches: Batch[] = [];
  let rest = deliveries;
  while (batches.length < parallel) {
    const [first] = rest;
    if (first === undefined) break;
    const other = rest.findIndex(({ attempts }) => attempts !== first.attempts);
    const batch: Batch = [first, ...rest.slice(1, Math.min(most, other < 0 ? rest.length : other))];
    batches.push(batch);
    rest = rest.slice(batch.length);
  }
  return batches;
}

/** After a request with so many was rejected: half as many. */
export function afterRejection(rejected: number): number {
  return Math.ceil(rejected / 2);
}

/** After a request that was not: by and by as many as are wanted. */
export function afterDelivery(most: number, { batch }: Destination): number {
  return Math.min(batch.most, most * 2);
}
