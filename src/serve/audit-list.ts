import { z } from 'zod';
import { printable, textTable } from '../dashboard/text-table.ts';

const ANSWER_WITHIN_MS = 35_000;
/** Of details, in a line; all of it is in `--json`. */
const DETAIL_CHARACTERS = 100;

const Page = z.object({
  items: z.array(
    z.looseObject({
      number: z.number(),
      at: z.string(),
      by: z.string(),
      action: z.string(),
      target: z.string(),
      details: z.unknown(),
    }),
  ),
  next: z.string().nullable(),
});
const Key = z.object({ key_id: z.string(), public_key: z.string() });

export interface ListOptions {
  url: string;
  action?: string;
  by?: string;
  target?: string;
  from?: string;
  to?: string;
  before?: string;
  limit: string;
  json: boolean;
}

type Say = (text: string) => void;

/** `aperture audit list`: the newest entries of a running gateway. Returns the exit code. */
export async function listAudit({ url, json, ...filters }: ListOptions, say: Say): Promise<number> {
  const answer = await asked(`${url}/api/audit?${new URLSearchParams(filters).toString()}`, say);
  if (answer === undefined) return 1;
  if (json) {
    say(JSON.stringify(answer, null, 2));
    return 0;
  }
  const { items, next } = Page.parse(answer);
  if (items.length === 0) {
    say('There are no such entries.');
    return 0;
  }
  const rows = items.map(({ number, at, by, action, target, details }) =>
    [String(number), at, by, action, target, inLine(details)].map(printable),
  );
  const foot = [String(items.length), next === null ? '' : `more: --before ${next}`, '', '', '', ''];
  say(textTable(['number', 'at', 'by', 'action', 'target', 'details'], rows, foot, rows[0]?.length ?? 0).join('\n'));
  return 0;
}

/** `aperture audit key`: the public key as a file has it. */
export async function showAuditKey({ url, json }: { url: string; json: boolean }, say: Say): Promise<number> {
  const answer = await asked(`${url}/api/audit/key`, say);
  if (answer === undefined) return 1;
  say(json ? JSON.stringify(answer, null, 2) : Key.parse(answer).public_key.trimEnd());
  return 0;
}

/** The public key of a running gateway, in PEM. */
export async function askedKey(url: string, say: Say): Promise<string | undefined> {
  const answer = await asked(`${url}/api/audit/key`, say);
  return answer === undefined ? undefined : Key.parse(answer).public_key;
}

/** Undefined, and said, where the answer is no. */
export async function asked(url: string, say: Say): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  say(`${url} answered ${response.status}: ${text}`);
  return undefined;
}

function inLine(details: unknown): string {
  const text =
    typeof details === 'object' && details !== null
      ? Object.entries(details)
          .filter(([, value]) => value !== null && value !== '')
          .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
          .join(' ')
      : String(details);
  return text.length > DETAIL_CHARACTERS ? `${text.slice(0, DETAIL_CHARACTERS)}…` : text;
}
