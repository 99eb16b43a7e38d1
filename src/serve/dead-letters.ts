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
export async function listDeadLetters({ url, limit }: { url: string; limit: string }, say: Say): Promise<number> {
  const page = await asked(`${url}/api/dead-letters?limit=${encodeURIComponent(limit)}`, 'GET', Page, say);
  if (page === undefined) return 1;
  const { items, next } = page;
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
}

export async function showDeadLetter({ url, id }: { url: string; id: string }, say: Say): Promise<number> {
  const letter = await asked(`${url}/api/dead-letters/${encodeURIComponent(id)}`, 'GET', z.unknown(), say);
  if (letter === undefined) return 1;
  say(JSON.stringify(letter, null, 2));
  return 0;
}

/** One, or all of them; 2 when some are still dead. */
export async function replayDeadLetters({ url, id }: { url: string; id?: string }, say: Say): Promise<number> {
  const sum = { replayed: 0, failed: 0 };
  let which: string | null = id === undefined ? 'all=true' : `id=${encodeURIComponent(id)}`;
  while (which !== null) {
    const part: z.infer<typeof Replayed> | undefined = await asked(
      `${url}/api/dead-letters/replay?${which}`,
      'POST',
      Replayed,
      say,
    );
    if (part === undefined) return 1;
    sum.replayed += part.replayed;
    sum.failed += part.failed;
    which = part.next === null ? null : `all=true&after=${part.next}`;
  }
  say(`${sum.replayed} stored, ${sum.failed} still dead`);
  return sum.failed === 0 ? 0 : 2;
}

/** Undefined, and said, where the answer is no. */
async function asked<T>(url: string, method: string, schema: z.ZodType<T>, say: Say): Promise<T | undefined> {
  const response = await fetch(url, { method, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  const text = await response.text();
  if (response.ok) return schema.parse(JSON.parse(text));
  say(`${url} answered ${response.status}: ${text}`);
  return undefined;
}
