import type { Whoami } from '../../api/shapes.ts';
import type { FilterName, LogFilters } from './filter-search.ts';

/** What these pages show when the address says no time. */
export const USUAL_RANGE = '7d';

/** A user has only their own rows: what asks for others' is left out, as its filters are not shown. */
const ADMINS_ONLY: readonly FilterName[] = ['login', 'member_of'];

const SESSION_FILTERS = ['login', 'member_of', 'model', 'agent', 'tool', 'min_cost_nanodollars'] as const;
const REQUEST_FILTERS = [
  'login',
  'member_of',
  'model',
  'agent',
  'state',
  'tool',
  'status',
  'min_cost_nanodollars',
  'session',
  'provider',
  'api',
  'rule',
  'verdict',
  'finding',
  'shadow',
  'denial',
  'denied_by',
  'header',
] as const;

export function sessionFilters(role: Whoami['role']): FilterName[] {
  return allowed(SESSION_FILTERS, role);
}
export function requestFilters(role: Whoami['role']): FilterName[] {
  return allowed(REQUEST_FILTERS, role);
}
function allowed(names: readonly FilterName[], role: Whoami['role']): FilterName[] {
  return role === 'admin' ? [...names] : names.filter((name) => !ADMINS_ONLY.includes(name));
}

/** RFC 3339; without an end, what comes while one looks belongs to it. */
interface Times {
  from: string;
  to?: string | undefined;
}

/** The question to a list, without its page. */
export function questionOf(filters: LogFilters, names: readonly FilterName[], { from, to }: Times): string {
  const question = new URLSearchParams();
  // An empty value is one too: a request whose agent nobody knows.
  for (const name of names) {
    const value = filters[name];
    if (value !== undefined) question.set(name, value);
  }
  question.set('from', from);
  if (to !== undefined) question.set('to', to);
  return question.toString();
}

/** Where the values of a filter come from: what was used in that time. */
export function optionsPath(of: string, { from, to }: { from: string; to: string }): string {
  if (of === 'session') return `/api/sessions?${new URLSearchParams({ from, to, limit: '100' }).toString()}`;
  if (of === 'tool') return `/api/tools?${new URLSearchParams({ group: 'name', from, to }).toString()}`;
  if (of === 'rule' || of === 'finding') {
    return `/api/verdicts?${new URLSearchParams({ group: of, from, to }).toString()}`;
  }
  return `/api/usage?${new URLSearchParams({ group: of, from, to }).toString()}`;
}

/** `$0.05`, `0.05` or `5` as nanodollars; undefined for what is no amount. */
export function nanodollarsOf(dollars: string): string | undefined {
  const match = /^\$?\s*(\d{1,8})?(?:\.(\d{1,9}))?$/.exec(dollars.trim());
  if (match === null || (match[1] === undefined && match[2] === undefined)) return undefined;
  const whole = BigInt(match[1] ?? '0') * 1_000_000_000n;
  return (whole + BigInt((match[2] ?? '').padEnd(9, '0'))).toString();
}
