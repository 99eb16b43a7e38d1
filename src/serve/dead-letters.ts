import { z } from 'zod';
import { printable, textTable, thousands } from '../dashboard/text-table.ts';

const ANSWER_WITHIN_MS = 35_000;
/** Of an error, the first line, and of that: the rest is in `show`. */
const ERROR_CHARS = 60;

const Page = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      at: z.string(),
      subject: z.string().nullable(),
      error: z.string(),
      bytes: z.int(),
    }),
  ),
  next: z.string().nullable(),
});
const Replayed = z.object({ replayed: z.int(), failed: z.int(), next: z.string().nullable() });

type Say = (text: string) => void;

/** `aperture dead-letters ls`: the newest ones of a running gateway. Returns the exit code, as the others do. */
export function listDeadLetters({ url, limit }: { url: string; limit: string }, say: Say): Promise<number> {
  return asked(`${url}/api/dead-letters?limit=${encodeURIComponent(limit)}`, 'GET', say, (answer) => {
    const { items, next } = Page.parse(answer);
    if (items.length === 0) {
      say('There are no dead letters.');
      return 0;
    }
    const rows = items.map(({ id, kind, at, subject, error, bytes }) => [
      id,
      kind,
      at,
      printable(subject ?? ''),
      printable((error.split('\n')[0] ?? '').slice(0, ERROR_CHARS)),
      thousands(String(bytes)),
    ]);
    const foot = [`${items.length}${next === null ? '' : ' and more'}`, '', '', '', '', ''];
    say(textTable(['id', 'kind', 'at', 'subject', 'error', 'bytes'], rows, foot, 5).join('\n'));
    return 0;
  });
}

export function showDeadLetter({ url, id }: { url: string; id: string }, say: Say): Promise<number> {
  return asked(`${url}/api/dead-letters/${encodeURIComponent(id)}`, 'GET', say, (answer) => {
    say(JSON.stringify(answer, null, 2));
    return 0;
  });
}

/** One, or all of them; 2 when some are still dead. */
export async function replayDeadLetters({ url, id }: { url: string; id?: string }, say: Say): Promise<number> {
  const sum = { replayed: 0, failed: 0 };
  let which = id === undefined ? 'all=true' : `id=${encodeURIComponent(id)}`;
  for (;;) {
    let next = null as string | null;
    const code = await asked(`${url}/api/dead-letters/replay?${which}`, 'POST', say, (answer) => {
      const part = Replayed.parse(answer);
      sum.replayed += part.replayed;
      sum.failed += part.failed;
      next = part.next;
      return 0;
    });
    if (code !== 0) return code;
    if (next === null) break;
    which = `all=true&after=${String(next)}`;
  }
  say(`${sum.replayed} stored, ${sum.failed} still dead`);
  return sum.failed === 0 ? 0 : 2;
}

async function asked(url: string, method: string, say: Say, use: (answer: unknown) => number): Promise<number> {
  const response = await fetch(url, { method, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  const text = await response.text();
  if (response.ok) return use(JSON.parse(text));
  say(`${url} answered ${response.status}: ${text}`);
  return 1;
}
