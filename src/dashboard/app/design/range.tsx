import * as z from 'zod/mini';
import { CalendarRange } from 'lucide-react';
import { useRef, useState } from 'react';
import { Button } from './button.tsx';
import { Choice } from './choice.tsx';
import { useOutside } from './picker.tsx';
import styles from './range.module.css';

const PRESETS = ['24h', '7d', '30d', '90d'] as const;
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
  const DAY_MS = 24 * HOUR_MS;
  const from = byDay && !custom ? Math.floor(fromMs / DAY_MS) * DAY_MS + (hours % 24 === 0 ? DAY_MS : 0) : fromMs;
  return { from: new Date(from).toISOString(), to: new Date(toMs).toISOString(), interval: byDay ? 'day' : 'hour' };
}

/** When each interval of a range begins, also where nothing happened. */
export function intervalsOf({ from, to, interval }: Range): string[] {
  const step = interval === 'day' ? 24 * HOUR_MS : HOUR_MS;
  const times: string[] = [];
  for (let at = Math.floor(Date.parse(from) / step) * step; at < Date.parse(to); at += step)
    times.push(new Date(at).toISOString());
  return times;
}

interface RangePickerProps {
  search: RangeSearch;
  otherwise: Preset;
  onChange: (search: RangeSearch) => void;
}

export function RangePicker({ search, otherwise, onChange }: RangePickerProps) {
  const [open, setOpen] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  useOutside(frame, open, () => setOpen(false));
  const isCustom = search.from !== undefined || search.to !== undefined;
  return (
    <div ref={frame} className={styles.range}>
      <Choice<Preset | ''>
        label="Time"
        options={PRESETS.map((value) => ({ value, name: value }))}
        chosen={isCustom ? '' : (search.range ?? otherwise)}
        onChoose={(value) => {
          if (value !== '') onChange({ range: value, from: undefined, to: undefined });
        }}
      />
      <Button
        look={isCustom ? 'plain' : 'quiet'}
        icon={<CalendarRange size={15} aria-hidden />}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {isCustom ? spoken(search) : 'Custom'}
      </Button>
      {open && (
        <Custom
          search={search}
          otherwise={otherwise}
          onChange={(chosen) => {
            onChange(chosen);
            setOpen(false);
          }}
        />
      )}
    </div>
  );
}

function Custom({ search, otherwise, onChange }: RangePickerProps) {
  const now = rangeOf(search, otherwise);
  const [from, setFrom] = useState(localText(now.from));
  const [to, setTo] = useState(localText(now.to));
  const isWrong = !(Date.parse(from) < Date.parse(to));
  return (
    <form
      className={styles.panel}
      onSubmit={(event) => {
        event.preventDefault();
        onChange({ range: undefined, from: new Date(from).toISOString(), to: new Date(to).toISOString() });
      }}
    >
      <label>
        From
        <input type="datetime-local" value={from} onChange={(event) => setFrom(event.target.value)} required />
      </label>
      <label>
        To
        <input type="datetime-local" value={to} onChange={(event) => setTo(event.target.value)} required />
      </label>
      {isWrong && <p role="alert">The end must be after the beginning.</p>}
      <Button look="primary" type="submit" disabled={isWrong}>
        Show
      </Button>
    </form>
  );
}

/** As an input for local times wants it. */
function localText(at: string): string {
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function spoken({ from, to }: RangeSearch): string {
  const text = (at: string) =>
    new Date(at).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  if (from === undefined) return to === undefined ? '' : `until ${text(to)}`;
  return to === undefined ? `since ${text(from)}` : `${text(from)} – ${text(to)}`;
}
