import { cachedTokens, inputTokens } from '../../api/shapes.ts';
import { tookMs } from './days.ts';
import type { ToolCall, Turn } from './shapes.ts';

/** A call of a turn. `result` is null where no later request carried one, undefined where that is not known. */
export interface TurnCall {
  name: string;
  bytes: number;
  result: ToolCall['result'] | undefined;
}

/** The calls of each request in the order in which it made them, from calls listed newest first. */
export function callsByRequest(calls: readonly ToolCall[]): Map<string, ToolCall[]> {
  const all = new Map<string, ToolCall[]>();
  for (const call of calls) {
    const before = all.get(call.record_id);
    if (before === undefined) all.set(call.record_id, [call]);
    else before.unshift(call);
  }
  return all;
}

/** With their results where those are known; a list of calls that ends too early knows not all of a request. */
export function callsOf(turn: Turn, known: ReadonlyMap<string, ToolCall[]>): TurnCall[] {
  const calls = known.get(turn.id);
  if (calls?.length === turn.tool_calls.length) return calls;
  return turn.tool_calls.map(({ name, bytes }) => ({ name, bytes, result: undefined }));
}

/** The time that a session spans. */
export interface Axis {
  fromMs: number;
  toMs: number;
}

export function axisOf(turns: readonly Turn[]): Axis {
  const froms = turns.map(({ received_at }) => Date.parse(received_at));
  const tos = turns.map(({ ended_at }) => Date.parse(ended_at));
  const fromMs = froms.reduce((least, ms) => Math.min(least, ms), froms[0] ?? 0);
  return { fromMs, toMs: tos.reduce((most, ms) => Math.max(most, ms), fromMs + 1) };
}

/** Where on the axis a turn begins and how much of it it takes, in percent. */
export function placeOn({ fromMs, toMs }: Axis, { received_at, ended_at }: Turn): { left: number; width: number } {
  const percent = 100 / (toMs - fromMs);
  return { left: (Date.parse(received_at) - fromMs) * percent, width: tookMs(received_at, ended_at) * percent };
}

/** Turns one after the other of the same agent within the session: null is the session's own. */
export function startsGroup(turns: readonly Turn[], at: number): boolean {
  const agent = turns[at]?.agent_id ?? null;
  return agent !== (turns[at - 1]?.agent_id ?? null);
}

/** What a turn's model had before it, and what it cost: the growth of a session at a glance. */
export interface Growth {
  cached: number[];
  fresh: number[];
  /** Dollars, for the height of a bar. */
  cost: number[];
}

export function growthOf(turns: readonly Turn[]): Growth {
  return {
    cached: turns.map(({ usage }) => cachedTokens(usage)),
    fresh: turns.map(({ usage }) => inputTokens(usage) - cachedTokens(usage)),
    cost: turns.map(({ cost_nanodollars: cost }) => Number(BigInt(cost ?? 0)) / 1e9),
  };
}

/** An SVG path of bars side by side, one unit wide each, in a field as high as `most`; each stands on the one below it. */
export function barsPath(values: readonly number[], below: readonly number[], most: number): string {
  const gap = values.length > 200 ? 0 : 0.12;
  return values
    .map((value, at) => {
      if (value <= 0) return '';
      const foot = most - (below[at] ?? 0);
      return `M${at + gap} ${foot}V${foot - value}H${at + 1 - gap}V${foot}Z`;
    })
    .join('');
}

/** What is spent waiting for models, with turns that run side by side counted once. */
export function busyMs(turns: readonly Turn[]): number {
  let [busy, until] = [0, 0];
  for (const { received_at, ended_at } of turns) {
    const [from, to] = [Date.parse(received_at), Date.parse(ended_at)];
    if (to > until) busy += to - Math.max(from, until);
    until = Math.max(until, to);
  }
  return busy;
}
