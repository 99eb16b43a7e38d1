import type { OcsfClass } from './ocsf.ts';
import { actor, api, modelResource, sourceEndpoint } from './ocsf-parts.ts';
import { sentenceOf } from './sentence.ts';
import { without } from './siem-event.ts';
import type { SiemEvent, VerdictTold } from './siem-event.ts';

const PLACED = [
  'request_id',
  'at',
  'login',
  'node_id',
  'node_name',
  'groups',
  'agent',
  'provider',
  'model',
  'api',
  'session_id',
  'verdict',
];

/** `analytic.type_id`: criteria that somebody has set. */
const RULE = 1;

/** Detection Finding (2004): what a rule found in a request or a response. */
export function detectionFinding(found: VerdictTold, event: SiemEvent): OcsfClass {
  const { verdict, request_id } = found;
  const resources = modelResource(found.provider, found.model);
  return {
    category: [2, 'Findings'],
    class: [2004, 'Detection Finding'],
    activity: [1, 'Create'],
    correlation: found.session_id,
    attributes: {
      status_id: 1,
      status: 'New',
      is_alert: !verdict.shadow,
      finding_info: {
        // The same for all who are told of it, however often.
        uid: `${request_id}/${verdict.side}/${verdict.rule}/${found.at}`,
        title: `${verdict.rule}: ${verdict.action}`,
        desc: sentenceOf(event),
        types: [verdict.type === '' ? 'rule' : verdict.type],
        created_time: Math.round(event.atMs),
        analytic: { name: verdict.rule, uid: verdict.rule, type_id: RULE, type: 'Rule' },
        related_events: [{ uid: request_id }],
      },
      evidences: [
        {
          actor: actor(found),
          api: api(found.api, found.provider, request_id),
          src_endpoint: sourceEndpoint(found),
          // Counts and keyed hashes, never what was found.
          data: event.data['verdict'],
        },
      ],
      resources,
    },
    unmapped: without(event.data, PLACED),
  };
}
