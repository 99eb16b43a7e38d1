import { usageTable } from '../dashboard/usage-table.ts';

const ANSWER_WITHIN_MS = 15_000;

/** `aperture usage`: asks a running gateway and prints a table. Returns the exit code. */
export async function showUsage(
  options: { url: string; group: string; from?: string; to?: string },
  say: (text: string) => void,
): Promise<number> {
  const query = new URLSearchParams({ group: options.group });
  if (options.from !== undefined) query.set('from', options.from);
  if (options.to !== undefined) query.set('to', options.to);
  const response = await fetch(`${options.url}/api/usage?${query.toString()}`, {
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const text = await response.text();
  if (!response.ok) {
    say(`${options.url} answered ${response.status}: ${text}`);
    return 1;
  }
  say(usageTable(JSON.parse(text)));
  return 0;
}
