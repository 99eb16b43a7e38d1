/*
 * Times of a list, in the reader's own time zone: a heading for each day, so that a row needs the clock alone.
 */

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long' });
const DAY_AND_YEAR = new Intl.DateTimeFormat('en-GB', {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
  year: 'numeric',
});

export function clock(at: string): string {
  return CLOCK.format(new Date(at));
}

/** `Today`, `Yesterday`, `Friday 27 November`. */
function dayName(at: string, now: Date): string {
  const date = new Date(at);
  if (date.toDateString() === now.toDateString()) return 'Today';
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (date.toDateString() === yesterday.toDateString()) return 'Yesterday';
  return (date.getFullYear() === now.getFullYear() ? DAY : DAY_AND_YEAR).format(date).replace(',', '');
}

export interface DayOf<Row> {
  name: string;
  rows: Row[];
}

/** Rows in their order, cut where the day changes. */
export function byDay<Row>(rows: readonly Row[], at: (row: Row) => string, now: Date): DayOf<Row>[] {
  const days: DayOf<Row>[] = [];
  for (const row of rows) {
    const name = dayName(at(row), now);
    const last = days.at(-1);
    if (last?.name === name) last.rows.push(row);
    else days.push({ name, rows: [row] });
  }
  return days;
}

export function tookMs(from: string, to: string): number {
  return Math.max(0, Date.parse(to) - Date.parse(from));
}
