import type { Caller } from '../contract/caller.ts';
import type { Fault } from '../contract/fault.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { explain } from './explain.ts';
import type { Explanation } from './explain.ts';
import type { Arrival } from './request-life.ts';

const PARAMETERS = ['login', 'node', 'tags', 'groups', 'model'];
/** Longer than any login, tag list or model name. */
const TEXT_CHARACTERS = 2048;

/**
 * `GET /api/explain`: what the running config lets a caller do, and why. Without `login` or `tags` it is about who asks,
 * with all that their node brings; about others, admins alone may ask, and grants of the tailnet policy are not seen.
 */
export function answerExplain({ world, caller, access, request }: Arrival): Result<Explanation, Fault> {
  const asked = new URLSearchParams(request.query);
  for (const [name, value] of asked) {
    if (!PARAMETERS.includes(name)) {
      return failed({ code: 'bad_parameter', name: name.slice(0, 64), why: `there are ${PARAMETERS.join(', ')}` });
    }
    if (value.length > TEXT_CHARACTERS) return failed({ code: 'bad_parameter', name, why: 'is too long' });
  }
  const other = otherCaller(asked);
  if (!other.ok) return other;
  if (other.value !== undefined && access.role !== 'admin' && other.value.login !== caller.login) {
    return failed({ code: 'forbidden', what: 'what others may do is for admins' });
  }
  const self = other.value === undefined || other.value.login === caller.login;
  return ok(explain(world, self ? caller : (other.value ?? caller), asked.get('model') ?? undefined));
}

/** Undefined: nobody else was named. */
function otherCaller(asked: URLSearchParams): Result<Caller | undefined, Fault> {
  const login = asked.get('login') ?? '';
  const tags = listed(asked.get('tags'));
  const groups = listed(asked.get('groups'));
  if (login === '' && tags.length === 0) {
    return groups.length === 0
      ? ok(undefined)
      : failed({ code: 'bad_parameter', name: 'groups', why: 'belong to a login: name it too' });
  }
  if (login !== '' && tags.length > 0) {
    return failed({ code: 'bad_parameter', name: 'tags', why: 'a device has tags or a login, and not both' });
  }
  return ok({
    login: login === '' ? tags.join(',') : login,
    nodeId: asked.get('node') ?? '',
    nodeName: '',
    tags,
    groups,
    source: login === '(loopback)' ? 'loopback' : login.startsWith('token:') ? 'token' : 'tailscale',
    capabilities: {},
  });
}

function listed(text: string | null): string[] {
  const each = (text ?? '').split(',').map((part) => part.trim());
  return [...new Set(each.filter((part) => part !== ''))].sort();
}
