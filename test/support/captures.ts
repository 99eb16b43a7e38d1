import { pack } from '../../src/capture/pack.ts';
import { RecipeMaker } from '../../src/capture/recipe.ts';
import type { Capture } from '../../src/contract/capture.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import type { CaptureStore } from '../../src/store/captures.ts';
import { dayOf } from '../../src/store/partitions.ts';

/** Stores a capture of the record as the capture thread does: blobs first. Both bodies are text of one blob each. */
export async function storeCapture(
  store: CaptureStore,
  record: ExchangeRecord,
  bodies: { request: string; response: string },
): Promise<Capture> {
  const body = async (text: string): Promise<NonNullable<Capture['request']>> => {
    const maker = new RecipeMaker();
    maker.add(Buffer.from(text));
    const recipe = maker.recipe();
    const owner = { day: dayOf(record.id), login: record.login };
    await store.storeBlobs(
      maker.takeBlobs().map(({ sha256, bytes }) => ({ ...owner, sha256, bytes: bytes.length, ...pack(bytes) })),
    );
    return { recipe, bytes: Buffer.byteLength(text), leftOut: null };
  };
  const capture: Capture = {
    id: record.id,
    login: record.login,
    segment: record.segment,
    requestHeaders: [['content-type', 'application/json']],
    responseHeaders: [['content-type', 'application/json']],
    request: await body(bodies.request),
    response: await body(bodies.response),
    responsePace: [1, 310, Buffer.byteLength(bodies.response) - 1, 1_042],
    missingFrames: 0,
    indexedHeaders: [{ side: 'request', name: 'x-team', value: 'blue' }],
  };
  await store.storeCaptures(record.gateway, [capture]);
  return capture;
}
