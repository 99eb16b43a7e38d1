import { isUuid7 } from '../lib/uuid7.ts';
import { LIMIT, MOST, NO_KEY } from './asked.ts';
import type { Asked, Found } from './asked.ts';
import { listAudit } from './audit.ts';
import { lookAtAudit } from './audit-state.ts';
import { DELIVERY_STATES, findDelivery, listDeliveries } from './deliveries.ts';
import { listDestinations } from './destinations.ts';
import { listExports } from './exports.ts';
import { Parameters } from './parameters.ts';

export async function audit({ pool, query, caller }: Asked): Promise<Found> {
  if (caller.role !== 'admin' || caller.readAudit !== true) {
    return { fault: { code: 'forbidden', what: '/api/audit needs admin, and read_audit not taken away' } };
  }
  return { body: await listAudit(pool, query) };
}

/** How far the log is signed, and whether the rest follows. */
export async function auditState({ pool, query, caller, auditKey: key }: Asked): Promise<Found> {
  if (caller.role !== 'admin' || caller.readAudit !== true) {
    return { fault: { code: 'forbidden', what: '/api/audit/state needs admin, and read_audit not taken away' } };
  }
  new Parameters(query, []);
  return key === undefined ? NO_KEY : { body: await lookAtAudit(pool, key) };
}

/** For everybody who has a receipt. */
export function auditKey({ query, auditKey: key }: Asked): Promise<Found> {
  new Parameters(query, []);
  return Promise.resolve(key === undefined ? NO_KEY : { body: { key_id: key.id, public_key: key.pem } });
}

export async function deliveries({ pool, query, owner }: Asked): Promise<Found> {
  if (owner !== undefined) return { fault: { code: 'forbidden', what: '/api/deliveries needs admin' } };
  const given = new Parameters(query, ['destination', 'state', 'from', 'to', 'before', 'limit']);
  const body = await listDeliveries(pool, {
    destination: given.text('destination'),
    state: given.oneOf('state', DELIVERY_STATES),
    fromMs: given.time('from'),
    toMs: given.time('to'),
    before: given.id('before'),
    limit: given.integer('limit', 1, MOST) ?? LIMIT,
  });
  return { body };
}

export async function oneDelivery(id: string, { pool, query, owner }: Asked): Promise<Found> {
  if (owner !== undefined) return { fault: { code: 'forbidden', what: '/api/deliveries needs admin' } };
  new Parameters(query, []);
  const found = isUuid7(id.toLowerCase()) ? await findDelivery(pool, id.toLowerCase()) : undefined;
  return found === undefined ? { fault: { code: 'not_found', what: 'the delivery' } } : { body: found };
}

/** Where events go, and how far they have come. */
export async function destinations({ pool, query, owner }: Asked): Promise<Found> {
  if (owner !== undefined) return { fault: { code: 'forbidden', what: '/api/destinations needs admin' } };
  new Parameters(query, []);
  return { body: await listDestinations(pool) };
}

/** Files of the export, newest first. */
export async function exported({ pool, query, owner }: Asked): Promise<Found> {
  if (owner !== undefined) return { fault: { code: 'forbidden', what: '/api/exports needs admin' } };
  const given = new Parameters(query, ['before', 'limit']);
  const limit = given.integer('limit', 1, MOST) ?? LIMIT;
  return { body: await listExports(pool, { before: given.id('before'), limit }) };
}
