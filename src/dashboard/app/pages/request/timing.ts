import { outputTokens } from '../../api/shapes.ts';
import type { RequestRecord } from './record.ts';

/** Times of the API have microseconds; a `Date` has not. */
export function msOf(at: string): number {
  return Date.parse(at) + microsOf(at) / 1000;
}

/** Apart from the epoch, as no float has its milliseconds and microseconds behind them. */
export function msBetween(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from) + (microsOf(to) - microsOf(from)) / 1000);
}

/** What a time has below its milliseconds. */
function microsOf(at: string): number {
  const digits = /\.\d{3}(\d{1,3})/.exec(at)?.[1];
  return digits === undefined ? 0 : Number(digits.padEnd(3, '0'));
}

export interface Span {
  key: string;
  name: string;
  /** Of a provider or a rule, whose names others chose. */
  of: string;
  fromMs: number;
  toMs: number;
  tone: 'gateway' | 'rule' | 'wait' | 'stream';
  note: string;
}

/** What happened one after the other, in ms since the request was received. */
export function spansOf(record: RequestRecord): Span[] {
  const zero = msOf(record.received_at);
  const endMs = msBetween(record.received_at, record.ended_at);
  const firstMs = record.first_byte_at === null ? null : msBetween(record.received_at, record.first_byte_at);
  const within = (atMs: number): number => Math.min(Math.max(0, atMs - zero), endMs);
  const sentMs = record.attempts[0] === undefined ? endMs : within(record.attempts[0].started_at_ms);
  const spans: Span[] = [
    {
      key: 'gateway',
      name: record.attempts.length === 0 ? 'Judged here' : 'Before it was sent',
      of: '',
      fromMs: 0,
      toMs: sentMs,
      tone: 'gateway',
      note: 'read and judged',
    },
  ];
  spans.push(...rulesOn(record, 'request', within));
  record.attempts.forEach(({ provider, started_at_ms, outcome }, at) => {
    const next = record.attempts[at + 1];
    const toMs = next !== undefined ? within(next.started_at_ms) : (firstMs ?? endMs);
    const name = record.attempts.length > 1 ? `Attempt ${at + 1}` : 'Until the first byte';
    const fromMs = within(started_at_ms);
    spans.push({
      key: `attempt-${at}`,
      name,
      of: '',
      fromMs,
      toMs: Math.max(fromMs, toMs),
      tone: 'wait',
      note: `${provider}: ${outcome}`,
    });
  });
  if (firstMs !== null) {
    spans.push({ key: 'response', name: 'Response', of: '', fromMs: firstMs, toMs: endMs, tone: 'stream', note: '' });
  }
  spans.push(...rulesOn(record, 'response', within));
  return spans;
}

function rulesOn(record: RequestRecord, side: string, within: (atMs: number) => number): Span[] {
  return record.verdicts
    .filter((verdict) => verdict.side === side)
    .map(({ rule, at_ms, took_ms, action, shadow }, at) => ({
      key: `${side}-rule-${at}`,
      name: 'Rule',
      of: rule,
      fromMs: within(at_ms),
      toMs: within(at_ms + took_ms),
      tone: 'rule' as const,
      note: shadow ? `${action}, only noted` : action,
    }));
}

/** Tokens out for each second in which the response came; null where it came at once, or nobody knows. */
export function tokensPerSecond(record: RequestRecord): number | null {
  if (record.first_byte_at === null || record.usage === null || !record.stream) return null;
  const seconds = msBetween(record.first_byte_at, record.ended_at) / 1000;
  const tokens = outputTokens(record.usage);
  return seconds <= 0 || tokens === 0 ? null : tokens / seconds;
}
