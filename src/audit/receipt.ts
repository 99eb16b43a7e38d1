import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from './canonical.ts';
import type { AuditKey, AuditPublicKey } from './key.ts';

/** The hash of what passed on one side; null where it is not known, and why. */
const Passed = z.object({ sha256: z.string().nullable(), why: z.string().nullable() });
export type Passed = z.infer<typeof Passed>;

/** What stands in a receipt as the API shows it of the record. */
export const ShownInReceipt = z.object({
  received_at: z.string(),
  first_byte_at: z.string().nullable(),
  ended_at: z.string(),
  login: z.string(),
  node_id: z.string(),
  provider: z.string(),
  key_id: z.string(),
  model: z.string(),
  model_served: z.string().nullable(),
  api: z.string(),
  method: z.string(),
  path: z.string(),
  status: z.int(),
  state: z.string(),
  config_version: z.string(),
  edits: z.array(z.object({ kind: z.string(), side: z.string(), detail: z.string() })),
  usage: z.record(z.string(), z.number()).nullable(),
  cost_nanodollars: z.string().nullable(),
  price_version: z.string().nullable(),
});

/** What the gateway says that it did with one exchange: hashes of what passed, and all that it changed. Signed. */
const Unsigned = ShownInReceipt.extend({
  v: z.literal(1),
  issued_at: z.string(),
  request_id: z.string(),
  request: z.object({ from_client: Passed, to_provider: Passed }),
  /** `kept`: what the journal and a capture have, where rules changed what the client got. */
  response: z.object({ from_provider: Passed, to_client: Passed, kept: Passed }),
  verdicts: z.array(
    z.object({ rule: z.string(), type: z.string(), side: z.string(), action: z.string(), shadow: z.boolean() }),
  ),
  headers: z.object({
    /** Of the client's request, by name; null where the capture that tells them is gone. */
    taken_off: z.array(z.string()).nullable(),
    put_on: z.string(),
    response: z.string(),
  }),
  /** Of the record as `GET /api/requests/{id}` answers it, without `capture`: its JSON with sorted names. */
  record_sha256: z.string(),
  statement: z.string(),
});
export const Receipt = Unsigned.extend({ signed_by: z.string(), signature: z.string() });
export type Unsigned = z.infer<typeof Unsigned>;
export type Receipt = z.infer<typeof Receipt>;

function signedText(said: Readonly<Record<string, unknown>>): string {
  return `aperture receipt\n${canonicalJson(said)}\n`;
}

export function signReceipt(unsigned: Unsigned, key: AuditKey): Receipt {
  const said = { ...unsigned, signed_by: key.id };
  return { ...said, signature: key.sign(signedText(said)).toString('hex') };
}

/** Of a receipt as it was read: a member that this build does not know is signed like any other. */
export function isGenuine(read: Record<string, unknown>, key: AuditPublicKey): boolean {
  const { signature, ...said } = read;
  if (typeof signature !== 'string' || said['signed_by'] !== key.id) return false;
  return key.verify(signedText(said), Buffer.from(signature, 'hex'));
}

export function recordHash(record: unknown): string {
  return createHash('sha256').update(canonicalJson(record)).digest('hex');
}
