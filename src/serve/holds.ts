import { z } from 'zod';
import { printable, textTable } from '../dashboard/text-table.ts';

const ANSWER_WITHIN_MS = 15_000;

export interface HoldWish {
  login?: string;
  session?: string;
  from?: string;
  to?: string;
  reason: string;
}

const Held = z.object({
  id: z.string(),
  login: z.string().nullable(),
  session: z.string().nullable(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  reason: z.string(),
  by: z.string(),
  created_at: z.string(),
  released_at: z.string().nullable(),
});
type Held = z.infer<typeof Held>;

/** `aperture hold add|ls|release`: asks a running gateway. Each returns the exit code. */
export async function addHold(url: string, wish: HoldWish, say: (text: string) => void): Promise<number> {
  return ask(`${url}/api/holds`, { method: 'POST', body: JSON.stringify(wish) }, say, (text) => {
    const { id } = Held.parse(JSON.parse(text));
    return `${id} holds from now on; what was purged before is gone`;
  });
}

export async function listHolds(url: string, say: (text: string) => void): Promise<number> {
  return ask(`${url}/api/holds`, {}, say, (text) => {
    const { items } = z.object({ items: z.array(Held) }).parse(JSON.parse(text));
    return items.length === 0 ? 'There are no holds.' : tableOf(items);
  });
}

export async function releaseHold(url: string, id: string, say: (text: string) => void): Promise<number> {
  const path = `${url}/api/holds/${encodeURIComponent(id)}`;
  return ask(path, { method: 'DELETE' }, say, () => `${id} is released; what nothing else holds goes within the hour`);
}

async function ask(
  url: string,
  request: RequestInit,
  say: (text: string) => void,
  told: (text: string) => string,
): Promise<number> {
  const response = await fetch(url, {
    ...request,
    headers: { 'content-type': 'application/json' },
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const text = await response.text();
  say(response.ok ? told(text) : `${url} answered ${response.status}: ${text}`);
  return response.ok ? 0 : 1;
}

function tableOf(holds: readonly Held[]): string {
  const heads = ['id', 'login', 'session', 'from', 'to', 'since', 'by', 'reason', 'released'];
  const body = holds.map(({ id, login, session, from, to, created_at, by, reason, released_at }) =>
    [id, login ?? 'any', session ?? 'any', from ?? '', to ?? '', created_at, by, reason, released_at ?? ''].map(
      printable,
    ),
  );
  const standing = holds.filter(({ released_at }) => released_at === null).length;
  return textTable(heads, body, [`${standing} stand`], heads.length).join('\n');
}
