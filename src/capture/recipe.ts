import { hash } from 'node:crypto';
import { assert } from '../lib/result.ts';

/**
 * How a body is put together again: steps, one after another.
 *
 *   0x00 length bytes   these bytes, as they stand here (short pieces are not worth a row)
 *   0x01 hash           the blob of this SHA-256
 *   0x02 hash           the blob of this SHA-256 is itself a recipe
 *
 * Lengths are of seven bits a byte, the low ones first. Sixteen steps in a row become a recipe of their own: a conversation that
 * grows by two messages a turn repeats all but the last of these, and a turn costs bytes for what is new in it.
 */
export type Step = { kind: 'bytes'; bytes: Uint8Array } | { kind: 'blob' | 'recipe'; sha256: Buffer };

const BYTES = 0x00;
const BLOB = 0x01;
const RECIPE = 0x02;
const HASH_BYTES = 32;

/** A piece up to this size stands in the recipe: a row costs about as much beside its content. */
const INLINE_BYTES = 96;

/** Steps that become a recipe of their own. */
const GROUP = 16;

/** Content that is stored once a day and login, by its hash. */
export interface Blob {
  sha256: Buffer;
  bytes: Uint8Array;
}

/** Makes a recipe of pieces, and the blobs that it names. Keeps views on the pieces until the blobs are taken. */
export class RecipeMaker {
  #blobs = new Map<string, Blob>();
  readonly #groups: Step[] = [];
  #steps: Step[] = [];

  add(piece: Uint8Array): void {
    this.#steps.push(
      piece.length <= INLINE_BYTES ? { kind: 'bytes', bytes: piece } : { kind: 'blob', sha256: this.#blob(piece) },
    );
    if (this.#steps.length < GROUP) return;
    const group = encodeSteps(this.#steps);
    if (group.length > INLINE_BYTES) this.#groups.push({ kind: 'recipe', sha256: this.#blob(group) });
    else this.#groups.push(...this.#steps);
    this.#steps = [];
  }

  /** The blobs named since the last call, given away: a long body need not be in memory as a whole. */
  takeBlobs(): Blob[] {
    const blobs = [...this.#blobs.values()];
    this.#blobs = new Map();
    return blobs;
  }

  /** After the last piece. Take the blobs once more after it. */
  recipe(): Buffer {
    return encodeSteps([...this.#groups, ...this.#steps]);
  }

  #blob(bytes: Uint8Array): Buffer {
    const sha256 = hash('sha256', bytes, 'buffer');
    const key = sha256.toString('hex');
    if (!this.#blobs.has(key)) this.#blobs.set(key, { sha256, bytes });
    return sha256;
  }
}

/**
 * The body of a recipe, a piece at a time. `fetch` gets the hashes of many blobs at once and answers those that it has.
 *
 * @throws Error when a blob is missing or the recipe is none: what was stored is then damaged.
 */
export async function* cook(
  recipe: Uint8Array,
  fetch: (hashes: Buffer[]) => Promise<ReadonlyMap<string, Uint8Array>>,
): AsyncGenerator<Uint8Array> {
  const steps = decodeSteps(recipe);
  for (let from = 0; from < steps.length; from += GROUP) {
    const some = steps.slice(from, from + GROUP);
    const found = await fetch(some.flatMap((step) => (step.kind === 'bytes' ? [] : [step.sha256])));
    for (const step of some) {
      if (step.kind === 'bytes') {
        yield step.bytes;
        continue;
      }
      const hash = step.sha256.toString('hex');
      const bytes = found.get(hash);
      if (bytes === undefined) throw new Error(`the blob ${hash} is missing`);
      if (step.kind === 'blob') yield bytes;
      else yield* cook(bytes, fetch);
    }
  }
}

function encodeSteps(steps: readonly Step[]): Buffer {
  return Buffer.concat(
    steps.flatMap((step) => {
      if (step.kind === 'bytes') return [Buffer.of(BYTES, ...lengthBytes(step.bytes.length)), step.bytes];
      return [Buffer.of(step.kind === 'blob' ? BLOB : RECIPE), step.sha256];
    }),
  );
}

function decodeSteps(recipe: Uint8Array): Step[] {
  const bytes = Buffer.from(recipe.buffer, recipe.byteOffset, recipe.byteLength);
  const steps: Step[] = [];
  let at = 0;
  const take = (count: number): Buffer => {
    assert(at + count <= bytes.length, 'a recipe ends with a whole step');
    at += count;
    return bytes.subarray(at - count, at);
  };
  const takeLength = (): number => {
    let length = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = take(1)[0] ?? 0;
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) return length;
    }
  };
  while (at < bytes.length) {
    const code = take(1)[0];
    if (code === BYTES) steps.push({ kind: 'bytes', bytes: take(takeLength()) });
    else {
      assert(code === BLOB || code === RECIPE, 'a recipe has steps of three kinds');
      steps.push({ kind: code === BLOB ? 'blob' : 'recipe', sha256: take(HASH_BYTES) });
    }
  }
  return steps;
}

function lengthBytes(length: number): number[] {
  const bytes: number[] = [];
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}
