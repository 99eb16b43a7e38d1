import type { ChainedEntry, Checkpoint } from '../contract/audit.ts';
import { unreachable } from '../lib/result.ts';
import { hashOf } from './chain.ts';
import type { End } from './chain.ts';
import { isSignedBy } from './checkpoint.ts';
import type { AuditPublicKey } from './key.ts';

/** What is wrong with a log, and where. */
export type Finding =
  /** A number that the log cannot have there: below the first, or twice. */
  | { kind: 'surplus'; number: bigint }
  | { kind: 'missing'; from: bigint; to: bigint }
  | { kind: 'altered'; number: bigint }
  | { kind: 'unlinked'; number: bigint }
  | { kind: 'rewritten'; checkpoint: bigint; since: bigint }
  | { kind: 'cut'; end: bigint; checkpoint: bigint }
  | { kind: 'forged'; checkpoint: string }
  | { kind: 'foreign'; checkpoint: string; keyId: string };

/** Goes through a log in the order of its numbers, and stops at the first thing that is wrong. */
export class LogVerifier {
  readonly #keys: readonly AuditPublicKey[];
  #end: End;
  #entries = 0;
  #checkpoints = 0;
  /** The last checkpoint that held; before one, where the look began. */
  #signed: bigint;

  /** @param after what the look begins behind, on trust. */
  constructor(keys: readonly AuditPublicKey[], after: End) {
    this.#keys = keys;
    this.#end = after;
    this.#signed = after.number;
  }

  get end(): End {
    return this.#end;
  }

  /** Number of the last entry that a good checkpoint covers. */
  get signed(): bigint {
    return this.#signed;
  }

  get counts(): { entries: number; checkpoints: number } {
    return { entries: this.#entries, checkpoints: this.#checkpoints };
  }

  /** The next entries, and the checkpoints up to the last of them, each in order. */
  take(entries: readonly ChainedEntry[], checkpoints: readonly Checkpoint[]): Finding | undefined {
    let next = 0;
    const upTo = (number: bigint): Finding | undefined => {
      for (; next < checkpoints.length; next += 1) {
        const checkpoint = checkpoints[next];
        if (checkpoint === undefined || BigInt(checkpoint.number) > number) return undefined;
        const finding = this.#checkpoint(checkpoint);
        if (finding !== undefined) return finding;
      }
      return undefined;
    };
    for (const entry of entries) {
      const finding = this.#entry(entry) ?? upTo(this.#end.number);
      if (finding !== undefined) return finding;
    }
    return undefined;
  }

  /** After the last entry: no good checkpoint may be beyond it. */
  finish(beyond: readonly Checkpoint[]): Finding | undefined {
    for (const checkpoint of beyond) {
      const finding = this.#signature(checkpoint);
      if (finding !== undefined) return finding;
      return { kind: 'cut', end: this.#end.number, checkpoint: BigInt(checkpoint.number) };
    }
    return undefined;
  }

  #entry(entry: ChainedEntry): Finding | undefined {
    const number = BigInt(entry.number);
    const wanted = this.#end.number + 1n;
    if (number > wanted) return { kind: 'missing', from: wanted, to: number - 1n };
    if (number < wanted) return { kind: 'surplus', number };
    if (!same(hashOf(entry), entry.hash)) return { kind: 'altered', number };
    if (!same(entry.previous, this.#end.hash)) return { kind: 'unlinked', number };
    this.#end = { number, hash: entry.hash };
    this.#entries += 1;
    return undefined;
  }

  #checkpoint(checkpoint: Checkpoint): Finding | undefined {
    const finding = this.#signature(checkpoint);
    if (finding !== undefined) return finding;
    const number = BigInt(checkpoint.number);
    // Of entries that are not looked at.
    if (number < this.#end.number) return undefined;
    if (!same(checkpoint.hash, this.#end.hash)) return { kind: 'rewritten', checkpoint: number, since: this.#signed };
    this.#signed = number;
    this.#checkpoints += 1;
    return undefined;
  }

  #signature(checkpoint: Checkpoint): Finding | undefined {
    const { number, keyId } = checkpoint;
    const key = this.#keys.find(({ id }) => id === keyId);
    if (key === undefined) return { kind: 'foreign', checkpoint: number, keyId };
    return isSignedBy(checkpoint, key) ? undefined : { kind: 'forged', checkpoint: number };
  }
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** The number of the entry or checkpoint that a finding is about. */
export function placeOf(finding: Finding): string {
  switch (finding.kind) {
    case 'missing':
      return String(finding.from);
    case 'surplus':
    case 'altered':
    case 'unlinked':
      return String(finding.number);
    case 'rewritten':
    case 'cut':
    case 'forged':
    case 'foreign':
      return String(finding.checkpoint);
    default:
      return unreachable(finding);
  }
}

/** A finding as a sentence. */
export function sentenceOf(finding: Finding): string {
  switch (finding.kind) {
    case 'surplus':
      return `entry ${finding.number} does not belong to the log, which counts from 1 and has each number once`;
    case 'missing':
      return finding.from === finding.to
        ? `entry ${finding.from} is missing`
        : `entries ${finding.from} to ${finding.to} are missing`;
    case 'altered':
      return `entry ${finding.number} was altered: its hash is not that of its columns`;
    case 'unlinked':
      return `entry ${finding.number} does not follow from ${finding.number - 1n}: one of the two was replaced as a whole`;
    case 'rewritten':
      return `the log was written anew: entry ${finding.checkpoint} is not the one that was signed as ${finding.checkpoint}; what was replaced lies between entry ${finding.since + 1n} and it`;
    case 'cut':
      return `the log ends at ${finding.end}, a checkpoint of ${finding.checkpoint} exists: its end was cut off`;
    case 'forged':
      return `checkpoint ${finding.checkpoint} is not signed by this key`;
    case 'foreign':
      return `checkpoint ${finding.checkpoint} is not signed by this key, but by ${finding.keyId} as it says; where that was this gateway's key before, name its public key`;
    default:
      return unreachable(finding);
  }
}
