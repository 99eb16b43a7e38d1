import type { Asked, Found } from './asked.ts';
import { countDenials, DENIAL_FILTERS, DENIAL_GROUPS } from './denials.ts';
import { Parameters } from './parameters.ts';
import { askedRange, told } from './range.ts';
import { USAGE_INTERVALS } from './usage.ts';
import { countVerdicts, VERDICT_ACTIONS, VERDICT_GROUPS } from './verdicts.ts';
import type { VerdictLike } from './verdicts.ts';

/** Parameters that say which verdicts. */
export const VERDICT_LIKE = ['rule', 'verdict', 'shadow', 'finding'] as const;

export function verdictLike(given: Parameters<(typeof VERDICT_LIKE)[number]>): VerdictLike {
  const shadow = given.oneOf('shadow', ['true', 'false']);
  return {
    rule: given.text('rule'),
    actions: given.several('verdict', VERDICT_ACTIONS),
    shadow: shadow === undefined ? undefined : shadow === 'true',
    finding: given.text('finding'),
  };
}

/** What rules and hooks said, but for what let all pass: of the last 24 hours by rule, unless asked otherwise. */
export async function verdicts({ pool, query, owner, clock }: Asked): Promise<Found> {
  const given = new Parameters(query, [...VERDICT_LIKE, 'login', 'from', 'to', 'group', 'interval']);
  const range = askedRange(given, clock);
  const filter = { ...verdictLike(given), ...range, owner, login: given.text('login') };
  const group = given.oneOf('group', VERDICT_GROUPS) ?? 'rule';
  const interval = given.oneOf('interval', USAGE_INTERVALS);
  const report = await countVerdicts(pool, filter, group, interval);
  return { body: { ...told(range), group, interval: interval ?? null, ...report } };
}

/** What was denied, and why: of the last 24 hours, unless asked otherwise. */
export async function denials({ pool, query, owner, clock }: Asked): Promise<Found> {
  const given = new Parameters(query, ['login', 'model', 'denial', 'from', 'to', 'group', 'interval']);
  const range = askedRange(given, clock);
  const filter = {
    ...range,
    owner,
    login: given.text('login'),
    model: given.text('model'),
    denial: given.oneOf('denial', DENIAL_FILTERS),
  };
  const group = given.oneOf('group', DENIAL_GROUPS) ?? 'denial';
  const interval = given.oneOf('interval', USAGE_INTERVALS);
  const report = await countDenials(pool, filter, group, interval);
  return { body: { ...told(range), group, interval: interval ?? null, ...report } };
}
