import type { Pool } from 'pg';
import { ENCODINGS, unpack } from '../capture/pack.ts';
import { cook } from '../capture/recipe.ts';
import { findBlobs } from '../store/captures.ts';
import type { StoredBody } from '../store/captures.ts';
import { dayOf } from '../store/partitions.ts';

/** Blobs of one question to the database. Each may have a mebibyte. */
const BLOBS_AT_ONCE = 16;

/**
 * A captured body, byte for byte as it was on the wire, a piece at a time.
 *
 * @throws Error when a blob is missing or damaged: what was stored is then not whole.
 */
export async function* bodyOf(
  pool: Pool,
  captured: { id: string; login: string; body: StoredBody },
): AsyncGenerator<Uint8Array> {
  const { id, login, body } = captured;
  if (body.recipe === null) return;
  const owner = { day: dayOf(id), login };
  const fetch = async (hashes: Buffer[]): Promise<ReadonlyMap<string, Uint8Array>> => {
    const found = new Map<string, Uint8Array>();
    for (let from = 0; from < hashes.length; from += BLOBS_AT_ONCE) {
      for (const [hash, blob] of await findBlobs(pool, owner, hashes.slice(from, from + BLOBS_AT_ONCE))) {
        const encoding = ENCODINGS.find((each) => each === blob.encoding);
        if (encoding === undefined) throw new Error(`the blob ${hash} is stored in an unknown way`);
        found.set(hash, unpack({ encoding, body: blob.body }, blob.bytes));
      }
    }
    return found;
  };
  yield* cook(body.recipe, fetch);
}
