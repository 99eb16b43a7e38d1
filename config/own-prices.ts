import { join } from 'node:path';
import { packageRoot } from '../src/lib/package-root.ts';
import { withOverrides } from '../src/pricing/overrides.ts';
import { loadPriceTable } from '../src/pricing/table.ts';
import { shown } from './problem.ts';
import type { Finding } from './problem.ts';
import type { ServerConfig } from './schema/server.ts';
import { valueAt } from './value-at.ts';

/**
 * What is wrong with `server.prices`, by the table that they go before. Reads that table, where there are any: `like`
 * names its models. `written` is the config before macros: messages quote that one.
 */
export function ownPriceFindings({ prices }: ServerConfig, written: unknown): Finding[] {
  if (prices.length === 0) return [];
  const table = withOverrides(loadPriceTable(join(packageRoot(), 'config', 'prices.json')), prices);
  const problems = table.ok ? [] : table.fault;
  const nameless = prices.flatMap(({ model }, index) =>
    model === '' ? [{ path: [index, 'model'], message: 'is not the name of a model' }] : [],
  );
  return [...nameless, ...problems].map((problem): Finding => {
    const path = ['server', 'prices', ...problem.path];
    const value = valueAt(written, path);
    const quoted = typeof value === 'string' ? `"${shown(value)}" ` : '';
    return { severity: 'error', path, atKey: false, message: quoted + problem.message, advisory: false };
  });
}
