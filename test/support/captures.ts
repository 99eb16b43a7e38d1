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
    const rows = maker.takeBlobs().map(({ sha256, bytes }) => {
      const packed = pack(bytes);
      return { sha256, bytes: bytes.length, encoding: packed.encoding, body: packed.body };
    });
    await store.storeBlobs({ day: dayOf(record.id), login: record.login }, rows);
    return { recipe: recipe.toString('base64'), bytes: Buffer.byteLength(text), left_out: null };
  };
  const capture: Capture = {
    v: 1,
    id: record.id,
    login: record.login,
    gateway: record.gateway,
    segment: record.segment,
    request_headers: [['content-type', 'application/json']],
    response_headers: [['content-type', 'application/json']],
    request: await body(bodies.request),
    response: await body(bodies.response),
    missing_frames: 0,
    indexed_headers: [{ side: 'request', name: 'x-team', value: 'blue' }],
  };
  await store.storeCaptures([capture]);
  return capture;
}
