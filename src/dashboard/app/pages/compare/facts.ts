import { USAGE_KINDS } from '../../../../contract/usage.ts';
import { totalTokens } from '../../api/shapes.ts';
import { bytes, countExact, duration, money, moneyExact, percent } from '../../design/format.ts';
import type { RequestRecord } from '../request/record.ts';
import { msBetween, tokensPerSecond } from '../request/timing.ts';
import { apiName, KIND_NAMES } from '../request/words.ts';

/** One fact of two requests, as people read it; an empty text is one that is not there. */
export interface Fact {
  name: string;
  a: string;
  b: string;
  /** How much more the second has: empty where that says nothing. */
  more: string;
  exact?: { a: string; b: string };
}

/** What each was, in words. */
export function wordsOf(a: RequestRecord, b: RequestRecord): Fact[] {
  const text = (name: string, of: (record: RequestRecord) => string): Fact => {
    return { name, a: of(a), b: of(b), more: '' };
  };
  return there([
    text('Ended', ({ state, status }) => (status === 0 ? state : `${state}, ${status}`)),
    text('User', ({ login }) => login),
    text('Agent', ({ agent, client_version }) => `${agent} ${client_version}`.trim()),
    text('Model', ({ model }) => model),
    text('Served by', ({ model_served }) => model_served ?? ''),
    text('Provider', ({ provider }) => provider),
    text('API', ({ api }) => apiName(api)),
    text('Ended for', ({ stop_reason }) => (stop_reason ?? '').replaceAll('_', ' ')),
    text('Session', ({ session_id }) => session_id),
    text('Config', ({ config_version }) => config_version.slice(0, CONFIG_CHARACTERS)),
  ]);
}

const CONFIG_CHARACTERS = 19;

/** Time, sizes, tokens and cost. */
export function figuresOf(a: RequestRecord, b: RequestRecord): Fact[] {
  return there([...timesOf(a, b), ...tokensOf(a, b), costOf(a, b)]);
}

function there(facts: Fact[]): Fact[] {
  return facts.filter((fact) => fact.a !== '' || fact.b !== '');
}

type Figure = (record: RequestRecord) => number | null;

function figure(
  name: string,
  [a, b]: [RequestRecord, RequestRecord],
  of: Figure,
  how: (value: number) => string,
): Fact {
  const [one, other] = [of(a), of(b)];
  const shown = (value: number | null) => (value === null ? '' : how(value));
  return { name, a: shown(one), b: shown(other), more: moreOf(one, other, how) };
}

/** Below it, a share would read 0.0%. */
const LEAST_SHARE = 0.0005;

/** `+120 (+10%)`. */
export function moreOf(a: number | null, b: number | null, how: (value: number) => string): string {
  if (a === null || b === null || a === b) return '';
  const sign = b > a ? '+' : '−';
  const part = Math.abs(b - a) / a;
  const share = a === 0 || part < LEAST_SHARE ? '' : ` (${sign}${percent(part)})`;
  return `${sign}${how(Math.abs(b - a))}${share}`;
}

function timesOf(...both: [RequestRecord, RequestRecord]): Fact[] {
  const firstByte: Figure = ({ received_at, first_byte_at }) =>
    first_byte_at === null ? null : msBetween(received_at, first_byte_at);
  return [
    figure('First byte', both, firstByte, duration),
    figure('Whole', both, ({ received_at, ended_at }) => msBetween(received_at, ended_at), duration),
    figure('Tokens a second', both, tokensPerSecond, (value) => value.toFixed(1)),
    figure('Attempts', both, ({ attempts }) => attempts.length, countExact),
    figure('Request', both, ({ request_bytes }) => request_bytes, bytes),
    figure('Response', both, ({ response_bytes }) => response_bytes, bytes),
  ];
}

/** Kinds of which one of them had some. */
function tokensOf(...both: [RequestRecord, RequestRecord]): Fact[] {
  const kinds = USAGE_KINDS.filter((kind) => both.some(({ usage }) => (usage?.[kind] ?? 0) > 0));
  const each = kinds.map((kind) =>
    figure(KIND_NAMES[kind], both, ({ usage }) => (usage === null ? null : (usage[kind] ?? 0)), countExact),
  );
  return [...each, figure('All tokens', both, ({ usage }) => (usage === null ? null : totalTokens(usage)), countExact)];
}

/** Never through a float. */
function costOf(a: RequestRecord, b: RequestRecord): Fact {
  const [one, other] = [a.cost_nanodollars, b.cost_nanodollars];
  const more = one === null || other === null ? 0n : BigInt(other) - BigInt(one);
  const size = more < 0n ? -more : more;
  return {
    name: 'Cost',
    a: one === null ? 'unknown' : money(one),
    b: other === null ? 'unknown' : money(other),
    more: more === 0n ? '' : `${more < 0n ? '−' : '+'}${money(size)}`,
    exact: { a: one === null ? '' : moneyExact(one), b: other === null ? '' : moneyExact(other) },
  };
}
