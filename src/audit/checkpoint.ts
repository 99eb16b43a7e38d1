import { z } from 'zod';
import type { Checkpoint } from '../contract/audit.ts';
import type { End } from './chain.ts';
import type { AuditKey, AuditPublicKey } from './key.ts';

/** What is signed: all that a checkpoint says, a line each. */
function signedText({ number, hash, atMs, keyId }: Omit<Checkpoint, 'signature'>): string {
  return `aperture audit checkpoint\n${number}\n${Buffer.from(hash).toString('hex')}\n${atMs}\n${keyId}\n`;
}

export function checkpointOf({ number, hash }: End, nowMs: number, key: AuditKey): Checkpoint {
  const said = { number: String(number), hash, atMs: String(Math.trunc(nowMs)), keyId: key.id };
  return { ...said, signature: key.sign(signedText(said)) };
}

export function isSignedBy(checkpoint: Checkpoint, key: AuditPublicKey): boolean {
  return checkpoint.keyId === key.id && key.verify(signedText(checkpoint), checkpoint.signature);
}

/** A checkpoint in words: the field `checkpoint` of its log line. */
export interface CheckpointLine {
  number: string;
  hash: string;
  at_ms: string;
  key_id: string;
  signature: string;
}

export function lineOf({ number, hash, atMs, keyId, signature }: Checkpoint): CheckpointLine {
  return {
    number,
    hash: Buffer.from(hash).toString('hex'),
    at_ms: atMs,
    key_id: keyId,
    signature: Buffer.from(signature).toString('hex'),
  };
}

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const Line = z.object({
  checkpoint: z
    .object({
      number: z.string().regex(/^\d{1,18}$/),
      hash: hex(32),
      at_ms: z.string().regex(/^\d{1,18}$/),
      key_id: hex(32),
      signature: hex(64),
    })
    .transform(({ number, hash, at_ms, key_id, signature }) => ({
      number,
      hash: Buffer.from(hash, 'hex'),
      atMs: at_ms,
      keyId: key_id,
      signature: Buffer.from(signature, 'hex'),
    })),
});

/** The checkpoints among log lines, by number; lines of other things, and what stands around the JSON, do not matter. */
export function checkpointsIn(text: string): Checkpoint[] {
  return text
    .split('\n')
    .flatMap((line) => {
      const read = Line.safeParse(jsonIn(line));
      return read.success ? [read.data.checkpoint] : [];
    })
    .sort((a, b) => Number(BigInt(a.number) - BigInt(b.number)));
}

function jsonIn(line: string): unknown {
  const from = line.indexOf('{');
  if (from < 0 || !line.includes('"checkpoint"')) return undefined;
  try {
    return JSON.parse(line.slice(from));
  } catch {
    // Cut off, or of something else.
    return undefined;
  }
}
