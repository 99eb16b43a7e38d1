/** How figures are written on all pages. Each has an exact form, for titles and for tables that are compared with the books. */

const NANO = 1_000_000_000n;

/** `$1,234.56`; below a dollar as many digits as tell it from nothing: `$0.0042`. Never through a float. */
export function money(nanodollars: string | bigint): string {
  const value = BigInt(nanodollars);
  const sign = value < 0n ? '−' : '';
  const size = value < 0n ? -value : value;
  if (size === 0n) return '$0';
  const digits = size >= NANO ? 2 : size >= NANO / 100n ? 3 : size >= NANO / 10_000n ? 5 : 9;
  const unit = 10n ** BigInt(9 - digits);
  const rounded = (size + unit / 2n) / unit;
  const whole = rounded / 10n ** BigInt(digits);
  const part = (rounded % 10n ** BigInt(digits)).toString().padStart(digits, '0');
  return `${sign}$${grouped(whole)}.${digits > 2 ? part.replace(/0+$/, '').padEnd(2, '0') : part}`;
}

/** All nine digits behind the point. */
export function moneyExact(nanodollars: string | bigint): string {
  const value = BigInt(nanodollars);
  const size = value < 0n ? -value : value;
  return `${value < 0n ? '−' : ''}$${grouped(size / NANO)}.${(size % NANO).toString().padStart(9, '0')}`;
}

/** Dollars for a chart's scale, where a float's fifteen digits are more than a pixel needs. */
export function dollars(nanodollars: string): number {
  return Number(BigInt(nanodollars)) / 1e9;
}

function grouped(whole: bigint): string {
  return whole.toString().replace(/\B(?=(\d{3})+$)/g, ',');
}

const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const EXACT = new Intl.NumberFormat('en');

/** `1.2M` from ten thousand on, else all digits. */
export function count(value: number): string {
  return value >= 10_000 ? SHORT.format(value) : EXACT.format(value);
}
export function countExact(value: number): string {
  return EXACT.format(value);
}

export function percent(share: number): string {
  if (!Number.isFinite(share)) return '–';
  const value = share * 100;
  return `${value > 0 && value < 1 ? value.toFixed(1) : value.toFixed(0)}%`;
}

/** `34 B`, `1.2 KB`, `20.0 MB`: powers of 1,024, as sizes in the config are. */
export function bytes(value: number): string {
  if (value < 1024) return `${value} B`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let size = value / 1024;
  let unit = 0;
  for (; size >= 1023.95 && unit < units.length - 1; unit += 1) size /= 1024;
  return `${size.toFixed(1)} ${units[unit] ?? ''}`;
}

/** `340 ms`, `2.4 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const steps: [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  const first = steps.findIndex(([size]) => ms >= size);
  const [large, small] = [steps[first], steps[first + 1]];
  if (large === undefined || small === undefined) return `${Math.round(ms / 1000)} s`;
  const rest = Math.floor((ms % large[0]) / small[0]);
  return `${Math.floor(ms / large[0])} ${large[1]}${rest === 0 ? '' : ` ${rest} ${small[1]}`}`;
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const DAY_AND_YEAR = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

/** In the reader's own time zone: `14:03:22` today, `27 Nov, 14:03:22` else. The exact time in UTC belongs in a title. */
export function time(at: string, now = new Date()): string {
  const date = new Date(at);
  if (date.toDateString() === now.toDateString()) return CLOCK.format(date);
  const day = date.getFullYear() === now.getFullYear() ? DAY : DAY_AND_YEAR;
  return `${day.format(date)}, ${CLOCK.format(date)}`;
}
/** `28 Nov`: a day of the books, which are kept in UTC. */
export function day(at: string): string {
  return new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(new Date(at));
}

/** `just now`, `4 min ago`, `3 h ago`, `2 d ago`. */
export function ago(at: string, nowMs = Date.parse(new Date().toISOString())): string {
  const ms = nowMs - Date.parse(at);
  if (ms < 60_000) return 'just now';
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ago`;
  return `${Math.floor(ms / 86_400_000)} d ago`;
}
