import * as z from 'zod/mini';
import { pageOf } from '../../api/shapes.ts';
import { bytes, money } from '../../design/format.ts';

export const AuditItem = z.looseObject({
  number: z.number(),
  at: z.string(),
  by: z.string(),
  node_id: z.string(),
  action: z.string(),
  target: z.string(),
  details: z.unknown(),
  hash: z.string(),
});
export type AuditItem = z.infer<typeof AuditItem>;

/** `GET /api/audit`, the newest first. */
export const AuditPage = pageOf(AuditItem);

/** `GET /api/audit/state`. */
export const AuditState = z.looseObject({
  entries: z.number(),
  signed: z.nullable(z.looseObject({ number: z.number(), at: z.string(), key_id: z.string(), own_key: z.boolean() })),
  unsigned_since: z.nullable(z.string()),
  /** The last entry that was found to follow from what is signed. */
  follows_through: z.number(),
  finding: z.nullable(z.looseObject({ number: z.number(), sentence: z.string() })),
});
export type AuditState = z.infer<typeof AuditState>;

/** Long, and of use to programs alone: the entry's own window has them. */
const NOT_IN_SHORT = ['hash', 'previous_hash', 'ids', 'hashes'];
const MONEY = /nanodollars$/;

/** What an entry says beside who did what to what, in short: names and values, without what is empty. */
export function pairsOf(details: unknown): [name: string, value: string][] {
  if (typeof details !== 'object' || details === null) return [];
  return Object.entries(details).flatMap(([name, value]): [string, string][] => {
    if (NOT_IN_SHORT.includes(name)) return [];
    const text = textOf(name, value);
    return text === '' ? [] : [[wordOf(name), text]];
  });
}

function wordOf(name: string): string {
  return name.replace(MONEY, '').replaceAll('_', ' ').trim() || 'amount';
}

function textOf(name: string, value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return MONEY.test(name) && /^-?\d+$/.test(value) ? money(value) : value;
  if (typeof value === 'number' && name.endsWith('bytes')) return bytes(value);
  if (Array.isArray(value) && value.every((each) => typeof each !== 'object')) return value.join(', ');
  if (typeof value === 'number' && MONEY.test(name) && Number.isSafeInteger(value)) return money(BigInt(value));
  return JSON.stringify(value);
}
