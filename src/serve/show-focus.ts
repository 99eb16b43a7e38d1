import { DAY_MS } from '../dashboard/range.ts';

const ANSWER_WITHIN_MS = 60_000;
const USUAL_DAYS = 30;

export interface FocusOptions {
  url: string;
  /** What charges are told apart by, with commas; nothing where it is not given. */
  group?: string;
  from?: string;
  to?: string;
}

/**
 * `aperture usage focus`: asks a running gateway for one day after the other, so that neither has more than a day in memory,
 * and prints them as one file. Returns the exit code.
 */
export async function showFocus(
  { url, group, from, to }: FocusOptions,
  out: { write: (text: string) => Promise<void>; complain: (text: string) => void },
  nowMs: number,
): Promise<number> {
  const toMs = to === undefined ? nowMs : Date.parse(to);
  const fromMs = from === undefined ? toMs - USUAL_DAYS * DAY_MS : Date.parse(from);
  if (!(fromMs < toMs)) {
    out.complain('--from and --to must be times such as 2026-01-31, the one before the other\n');
    return 1;
  }
  let isFirst = true;
  for (let dayMs = Math.floor(fromMs / DAY_MS) * DAY_MS; dayMs < toMs; dayMs += DAY_MS) {
    const day = { from: new Date(dayMs).toISOString(), to: new Date(dayMs + DAY_MS).toISOString() };
    const query = new URLSearchParams({ ...day, ...(group === undefined ? {} : { group }) });
    const response = await fetch(`${url}/api/usage/focus.csv?${query.toString()}`, {
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const text = await response.text();
    if (!response.ok) {
      out.complain(`${url} answered ${response.status}: ${text}\n`);
      return 1;
    }
    await out.write(isFirst ? text : text.slice(text.indexOf('\n') + 1));
    isFirst = false;
  }
  return 0;
}
