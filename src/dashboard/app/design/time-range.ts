import * as z from 'zod/mini';

export const PRESETS = ['24h', '7d', '30d', '90d'] as const;
export type Preset = (typeof PRESETS)[number];
const HOURS: Record<Preset, number> = { '24h': 24, '7d': 7 * 24, '30d': 30 * 24, '90d': 90 * 24 };

/** What a page's address says of its time: a preset, or `from` and `to` (RFC 3339). Spread it into a page's search schema. */
export const rangeSearch = {
  range: z.catch(z.optional(z.enum(PRESETS)), undefined),
  from: z.catch(z.optional(z.iso.datetime({ offset: true })), undefined),
  to: z.catch(z.optional(z.iso.datetime({ offset: true })), undefined),
};
export interface RangeSearch {
  range?: Preset | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export interface Range {
  /** RFC 3339; whole hours, as the roll-ups have them. */
  from: string;
  to: string;
  interval: 'hour' | 'day';
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Above this many hours a chart is by the day. */
const BY_THE_HOUR = 72;

/** The time that an address means now. Ends with the hour that has begun, so that it is the same for an hour. */
export function rangeOf(search: RangeSearch, otherwise: Preset, now = new Date()): Range {
  const nextHour = Math.ceil(now.getTime() / HOUR_MS) * HOUR_MS;
  const custom = search.from !== undefined || search.to !== undefined;
  const toMs = search.to === undefined ? nextHour : Date.parse(search.to);
  const hours = HOURS[search.range ?? otherwise];
  const fromMs = search.from !== undefined && custom ? Date.parse(search.from) : toMs - hours * HOUR_MS;
  // By days the first is whole: a cut day looks like a quiet one.
  const byDay = (toMs - fromMs) / HOUR_MS > BY_THE_HOUR;
  const from = byDay && !custom ? Math.floor(fromMs / DAY_MS) * DAY_MS + (hours % 24 === 0 ? DAY_MS : 0) : fromMs;
  return { from: new Date(from).toISOString(), to: new Date(toMs).toISOString(), interval: byDay ? 'day' : 'hour' };
}

/** When each interval of a range begins, also where nothing happened. */
export function intervalsOf({ from, to, interval }: Range): string[] {
  const step = interval === 'day' ? DAY_MS : HOUR_MS;
  const times: string[] = [];
  for (let at = Math.floor(Date.parse(from) / step) * step; at < Date.parse(to); at += step)
    times.push(new Date(at).toISOString());
  return times;
}

/** From and to, as the API takes them. */
export interface Span {
  from: string;
  to: string;
}

/** What is counted in whole days, is in those of UTC that a range touches. */
export function wholeDays({ from, to }: Span): Span {
  const day = (ms: number): string => new Date(ms).toISOString();
  return {
    from: day(Math.floor(Date.parse(from) / DAY_MS) * DAY_MS),
    to: day(Math.ceil(Date.parse(to) / DAY_MS) * DAY_MS),
  };
}
