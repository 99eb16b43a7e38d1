import type { ExchangeCapture } from '../src/capture/exchange.ts';
import { pack } from '../src/capture/pack.ts';
import type { Blob } from '../src/capture/recipe.ts';
import { Lru } from '../src/lib/lru.ts';
import type { BlobOwner, OwnedBlob } from '../src/store/captures.ts';
import { dayOf } from '../src/store/partitions.ts';

/** Blobs known to be in the database: an agent's next turn repeats those of the last. About 10 MiB. */
const KNOWN_BLOBS = 65_536;

/** Packs the blobs of exchanges and stores them, but those that are known to be in the database. */
export class BlobWriter {
  readonly #known = new Lru<string, true>(KNOWN_BLOBS);
  readonly #insert: (blobs: readonly OwnedBlob[]) => Promise<void>;

  /** @param insert resolves when they are in the database. */
  constructor(insert: (blobs: readonly OwnedBlob[]) => Promise<void>) {
    this.#insert = insert;
  }

  /** What was in the database may not be there any more. */
  forget(): void {
    this.#known.clear();
  }

  /** Those that are ready. */
  async store(exchanges: Iterable<ExchangeCapture>): Promise<void> {
    const fresh = new Map<string, OwnedBlob>();
    for (const exchange of exchanges) {
      const { login } = exchange;
      if (login === undefined) continue;
      const owner: BlobOwner = { day: dayOf(exchange.order.id), login };
      for (const blob of exchange.takeBlobs()) {
        const key = `${owner.day} ${login} ${blob.sha256.toString('base64')}`;
        if (this.#known.get(key) === undefined && !fresh.has(key)) fresh.set(key, packed(owner, blob));
      }
    }
    if (fresh.size === 0) return;
    await this.#insert([...fresh.values()]);
    for (const key of fresh.keys()) this.#known.set(key, true);
  }
}

function packed({ day, login }: BlobOwner, { sha256, bytes }: Blob): OwnedBlob {
  const { encoding, body } = pack(bytes);
  return { day, login, sha256, bytes: bytes.length, encoding, body };
}
