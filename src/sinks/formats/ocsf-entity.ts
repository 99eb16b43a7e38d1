import { unreachable } from '../../lib/result.ts';
import type { OcsfClass } from './ocsf.ts';
import { userOf } from './ocsf-parts.ts';
import { without } from './siem-event.ts';
import type { SiemEvent, Subject } from './siem-event.ts';

/** `managed_entity.type_id`: none that the schema has a word for, so `type` says what it is. */
const OTHER = 99;

type Managed = Extract<Subject, { about: 'quota' | 'config' | 'token' | 'kill_switch' }>;

/** What of an entity's class differs between kinds. */
interface Change {
  activity: readonly [number, string];
  entity: { name: string; uid: string; type: string; [name: string]: unknown };
  by?: string;
  comment?: string;
  placed: readonly string[];
}

/** Entity Management (3004): what admins, or spending, did to something that the gateway keeps. */
export function entityManagement(subject: Managed, { kind, data }: SiemEvent): OcsfClass {
  const { activity, entity, by, comment, placed } = changeOf(subject, kind);
  return {
    category: [3, 'Identity & Access Management'],
    class: [3004, 'Entity Management'],
    activity,
    attributes: {
      status_id: 1,
      status: 'Success',
      entity: { ...entity, type_id: OTHER },
      ...(by === undefined ? {} : { actor: { user: userOf(by) } }),
      ...(comment === undefined || comment === '' ? {} : { comment }),
    },
    unmapped: without(data, ['at', ...placed]),
  };
}

function changeOf(subject: Managed, kind: string): Change {
  switch (subject.about) {
    case 'config': {
      const { number, hash, previous_hash, by, note } = subject.config;
      const entity = { name: 'Gateway configuration', uid: hash, type: 'Configuration', version: String(number) };
      const activity = previous_hash === null ? ([1, 'Create'] as const) : ([3, 'Update'] as const);
      return { activity, entity, by, comment: note, placed: ['number', 'hash', 'by', 'note'] };
    }
    case 'token': {
      const { token_id, name, by } = subject.token;
      const activity = kind === 'token.revoked' ? ([4, 'Delete'] as const) : ([1, 'Create'] as const);
      return { activity, entity: { name, uid: token_id, type: 'Token' }, by, placed: ['token_id', 'name', 'by'] };
    }
    case 'kill_switch': {
      const { change, id, kind: what, value, reason, by } = subject.entry;
      const activity = change === 'set' ? ([9, 'Disable'] as const) : ([8, 'Enable'] as const);
      const entity = { name: value, uid: id, type: `Kill switch: ${what}` };
      return { activity, entity, by, comment: reason, placed: ['id', 'kind', 'value', 'reason', 'by'] };
    }
    case 'quota': {
      const { quota, bucket } = subject.quota;
      const entity = { name: quota, uid: bucket, type: 'Quota' };
      return { activity: [99, 'Cross'], entity, placed: ['quota', 'bucket'] };
    }
    default:
      return unreachable(subject);
  }
}

/** Base Event (0): of a kind that this build does not know. */
export function baseEvent({ data }: SiemEvent): OcsfClass {
  return {
    category: [0, 'Uncategorized'],
    class: [0, 'Base Event'],
    activity: [99, 'Other'],
    attributes: {},
    unmapped: data,
  };
}
