import { usageTable } from '../dashboard/usage-table.ts';

const ANSWER_WITHIN_MS = 15_000;

export interface UsageOptions {
  url: string;
  /** The gateway's own choice where it is not given: by model, and as CSV by login and model. */
  group?: string;
  from?: string;
  to?: string;
  csv: boolean;
}

/** `aperture usage`: asks a running gateway and prints a table, or the CSV as it comes. Returns the exit code. */
export async function showUsage(
  options: UsageOptions,
  out: { write: (text: string) => void; complain: (text: string) => void },
): Promise<number> {
  const { url, csv, ...asked } = options;
  const query = new URLSearchParams({ ...asked, ...(csv ? { format: 'csv' } : {}) });
  const response = await fetch(`${url}/api/usage?${query.toString()}`, {
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  const text = await response.text();
  if (!response.ok) {
    out.complain(`${url} answered ${response.status}: ${text}\n`);
    return 1;
  }
  out.write(csv ? text : `${usageTable(JSON.parse(text))}\n`);
  return 0;
}
