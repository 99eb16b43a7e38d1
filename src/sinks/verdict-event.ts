import { DELIVERY_PAYLOAD_BYTES } from '../contract/limits.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { storableJson } from '../lib/storable-text.ts';

/** Kinds of matches of one verdict that are told; the record has them all. */
const COUNTED = 100;
const LISTED = 100;
const ERROR_CHARACTERS = 500;

/**
 * What rules found in an exchange, one event for each verdict that is more than "nothing": who, with which model, and
 * the verdict. No value that was found is in a verdict, only keyed hashes of them.
 */
export function verdictEvents(record: ExchangeRecord): string[] {
  return record.verdicts.filter(({ action }) => action !== 'allow').map((verdict) => verdictEvent(record, verdict));
}

function verdictEvent(record: ExchangeRecord, verdict: ExchangeRecord['verdicts'][number]): string {
  const { at_ms, counts, scanned, error, ...told } = verdict;
  const at = new Date(at_ms).toISOString();
  const { id, state, status } = record;
  const event = storableJson({
    request_id: id,
    at,
    state,
    status,
    login: record.login,
    node_id: record.node_id,
    node_name: record.node_name,
    groups: record.groups.slice(0, LISTED),
    agent: record.agent,
    provider: record.provider,
    model: record.model,
    api: record.api,
    session_id: record.session_id,
    config_version: record.config_version,
    trace: record.trace,
    verdict: {
      ...told,
      scanned: scanned.slice(0, LISTED),
      counts: Object.fromEntries(Object.entries(counts).slice(0, COUNTED)),
      error: error === null ? null : error.slice(0, ERROR_CHARACTERS),
    },
  });
  if (Buffer.byteLength(event) <= DELIVERY_PAYLOAD_BYTES) return event;
  const { rule, side, action } = verdict;
  return storableJson({ request_id: id, at, state, status, verdict: { rule, side, action }, left_out: 'too_large' });
}
