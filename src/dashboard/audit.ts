import type { Pool } from 'pg';
import { z } from 'zod';
import { AUDIT_ACTIONS } from '../contract/audit.ts';
import { Conditions } from './conditions.ts';
import { Parameters } from './parameters.ts';
import { pageOf } from './queries.ts';
import type { Page } from './queries.ts';

const LIMIT = 100;
const MOST = 1000;
const NUMBERS = 999_999_999;

/** `shown`: for people. `rows`: each column as it was hashed, for whoever verifies by themselves. */
const FORMS = ['shown', 'rows'] as const;

/** A page of the audit log, newest first. */
export async function listAudit(pool: Pool, query: string): Promise<Page> {
  const given = new Parameters(query, ['action', 'by', 'target', 'from', 'to', 'before', 'limit', 'form']);
  const conditions = new Conditions();
  conditions.add('action = ?', given.oneOf('action', AUDIT_ACTIONS));
  conditions.add('by_login = ?', given.text('by'));
  conditions.add('target = ?', given.text('target'));
  conditions.add('at_ms >= ?', given.time('from'));
  conditions.add('at_ms < ?', given.time('to'));
  conditions.add('number < ?', given.integer('before', 1, NUMBERS));
  const limit = given.integer('limit', 1, MOST) ?? LIMIT;
  const form = given.oneOf('form', FORMS) ?? 'shown';
  const { rows } = await pool.query(
    `SELECT number, at_ms, by_login, node_id, action, target, details, encode(previous, 'hex') AS previous,
            encode(hash, 'hex') AS hash
       FROM aperture.audit ${conditions.where} ORDER BY number DESC LIMIT ${conditions.parameter(limit + 1)}`,
    conditions.values,
  );
  const items = z
    .array(Row)
    .parse(rows)
    .map((row) => ({ number: row.number, item: form === 'rows' ? row : shown(row) }));
  return pageOf(items, limit, ({ number }) => number);
}

const Row = z.object({
  number: z.string(),
  at_ms: z.string(),
  by_login: z.string(),
  node_id: z.string(),
  action: z.string(),
  target: z.string(),
  details: z.string(),
  previous: z.string(),
  hash: z.string(),
});

/** Also a row that somebody has altered is shown, as far as it can be: `aperture audit verify` says what is wrong. */
function shown({ number, at_ms, by_login, node_id, action, target, details, hash }: z.infer<typeof Row>): unknown {
  const at = new Date(Number(at_ms));
  return {
    number: Number(number),
    at: Number.isNaN(at.getTime()) ? at_ms : at.toISOString(),
    by: by_login,
    node_id,
    action,
    target,
    details: parsed(details),
    hash,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
