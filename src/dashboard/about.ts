import { APIS } from '../contract/api.ts';
import type { About } from './conditions.ts';
import type { Parameters } from './parameters.ts';

/** Parameters by which both requests and usage are filtered. */
export const ABOUT = ['login', 'member_of', 'model', 'provider', 'agent', 'api', 'status'] as const;

export function aboutOf(given: Parameters<(typeof ABOUT)[number]>, owner: string | undefined): About {
  return {
    owner,
    login: given.text('login'),
    memberOf: given.text('member_of'),
    model: given.text('model'),
    provider: given.text('provider'),
    agent: given.text('agent'),
    api: given.oneOf('api', APIS),
    status: given.integer('status', 0, 999),
  };
}
