import { unreachable } from '../../lib/result.ts';
import type { RequestTold, SiemEvent, VerdictTold } from './siem-event.ts';
import { tookMsOf } from './siem-event.ts';

/** Key and value, in the order in which they are written. Keys are those of ArcSight's dictionary. */
export type Extension = readonly (readonly [key: string, value: string | number | null])[];

/** What a kind of event has beside what all have. `cn1` is the sequence everywhere. */
export function extensionOf({ subject, kind }: SiemEvent): Extension {
  switch (subject.about) {
    case 'request':
      return requestExtension(subject.request);
    case 'verdict':
      return verdictExtension(subject.found);
    case 'quota': {
      const { quota, bucket, spent_percent, balance_nanodollars, capacity_nanodollars } = subject.quota;
      return [
        ...labelled('cs1', 'quota', quota),
        ...labelled('cs2', 'bucket', bucket),
        ...labelled('cs3', 'balanceNanodollars', balance_nanodollars),
        ...labelled('cs4', 'capacityNanodollars', capacity_nanodollars),
        ...labelled('cn2', 'spentPercent', spent_percent),
      ];
    }
    case 'config': {
      const { number, hash, previous_hash, by, note } = subject.config;
      return [
        ['suser', by],
        ['outcome', 'success'],
        ['reason', note],
        ...labelled('cs1', 'hash', hash),
        ...labelled('cs2', 'previousHash', previous_hash),
        ...labelled('cn2', 'configNumber', number),
      ];
    }
    case 'token': {
      const { token_id, name, login, tags, by, expires_at } = subject.token;
      return [
        ['suser', by],
        ['duser', login],
        ['act', kind === 'token.revoked' ? 'revoked' : 'created'],
        ['outcome', 'success'],
        ...labelled('cs1', 'token', name),
        ...labelled('cs2', 'tokenId', token_id),
        ...labelled('cs3', 'tags', tags.join(',')),
        ...labelled('cs4', 'expiresAt', expires_at),
      ];
    }
    case 'kill_switch': {
      const { change, id, kind: what, value, reason, by, until } = subject.entry;
      return [
        ['suser', by],
        ['act', change],
        ['outcome', 'success'],
        ['reason', reason],
        ...labelled('cs1', 'revocationKind', what),
        ...labelled('cs2', 'revocationValue', value),
        ...labelled('cs3', 'revocationId', id),
        ...labelled('cs4', 'until', until),
      ];
    }
    case 'something':
      return [];
    default:
      return unreachable(subject);
  }
}

function requestExtension(request: RequestTold): Extension {
  const tookMs = tookMsOf(request);
  return [
    ...whoOf(request),
    ['requestMethod', request.method],
    ['request', request.path],
    ['requestClientApplication', request.user_agent],
    ['destinationServiceName', request.provider],
    ['in', request.request_bytes],
    ['out', request.response_bytes],
    ['act', request.state],
    ['outcome', request.state === 'complete' ? 'success' : 'failure'],
    ['reason', request.denied_by ?? request.error],
    ...labelled('cn2', 'status', request.status),
    ...(tookMs === undefined ? [] : labelled('cn3', 'milliseconds', Math.round(tookMs))),
    ...labelled('cs1', 'model', request.model),
    ...labelled('cs2', 'requestId', request.id),
    ...labelled('cs3', 'costNanodollars', request.cost_nanodollars),
    ...labelled('cs4', 'api', request.api),
    ...labelled('cs5', 'sessionId', request.session_id),
    ...labelled('cs6', 'agent', request.agent),
  ];
}

function verdictExtension(found: VerdictTold): Extension {
  const { rule, type, side, action, shadow, counts, error } = found.verdict;
  const matches = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return [
    ...whoOf(found),
    ['destinationServiceName', found.provider],
    ['act', shadow ? `${action} (shadow)` : action],
    ['outcome', action === 'error' ? 'failure' : 'success'],
    ['reason', error],
    ...labelled('cs1', 'model', found.model),
    ...labelled('cs2', 'requestId', found.request_id),
    ...labelled('cs3', 'rule', rule),
    ...labelled('cs4', 'ruleType', type),
    ...labelled('cs5', 'side', side),
    ...labelled('cs6', 'matches', matches.join(', ')),
  ];
}

function whoOf({ login, node_id, node_name }: { login: string; node_id: string; node_name: string }): Extension {
  return [
    ['suser', login],
    ['shost', node_name],
    ['deviceExternalId', node_id],
  ];
}

/** A label without a value would name nothing. */
function labelled(key: string, label: string, value: string | number | null): Extension {
  return value === null || value === ''
    ? []
    : [
        [key, value],
        [`${key}Label`, label],
      ];
}
