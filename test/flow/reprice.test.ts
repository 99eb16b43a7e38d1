import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';
import { temporaryFolder } from '../support/gateway.ts';
import { removeDataDir } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { startFlow } from './support.ts';
import type { Flow } from './support.ts';

let flow: Flow;
const dataDir = temporaryFolder();
const MODEL = 'house-model';

beforeAll(async () => {
  flow = await startFlow({ dataDir });
});

afterAll(async () => {
  await flow.close();
  removeDataDir(dataDir);
});

/** The binary beside the running gateway, with a config of its own and the same data directory. */
async function reprice(prices: unknown[], ...options: string[]): Promise<string> {
  const config = join(dataDir, 'prices.hujson');
  const providers = { openai: { baseurl: flow.simulator.url, apikey: 'sk-unused', models: [MODEL] } };
  writeFileSync(config, JSON.stringify({ providers, server: { prices } }));
  const binary = join(packageRoot(), 'dist', 'src', 'main.js');
  const { stdout } = await promisify(execFile)(process.execPath, [binary, 'reprice', '--config', config, ...options], {
    env: { PATH: process.env['PATH'] ?? '', APERTURE_DATA_DIR: dataDir, APERTURE_LOG_LEVEL: 'error' },
  });
  return stdout;
}

test(
  'aperture reprice shares the database of the gateway that runs, which shows the new cost at once',
  { timeout: 120_000 },
  async () => {
    const asked = async (): Promise<string> => {
      const answer = await flow.ask('openai', { sim: `input=1000; output=10; served=${MODEL}` });
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
      return answer.headers.get('x-aperture-request-id') ?? '';
    };
    const id = await asked();
    expect(await flow.record(id)).toMatchObject({ model_served: MODEL, cost_nanodollars: null });

    // 1000 x 100 + 10 x 400 nanodollars.
    const prices = [{ basis: 'openai', model: MODEL, per_million: { input: '$0.10', output: '$0.40' } }];
    expect(await reprice(prices)).toContain('Nothing was written; with --apply, 1 record would be amended.');
    expect(await flow.record(id)).toMatchObject({ cost_nanodollars: null });
    expect(await reprice(prices, '--apply', '--from', '2020-01-01')).toContain('Amended: 1 record.');
    expect(await flow.record(id)).toMatchObject({
      cost_nanodollars: '104000',
      cost_basis: `openai/${MODEL}`,
      usage_flags: [],
    });
    expect(await flow.gateway.json(`/api/requests/${id}`)).toMatchObject({
      booked: { cost_nanodollars: null },
      amendments: [{ kind: 'price' }],
    });
    await until('the sums have it', async () => {
      const { total } = (await flow.gateway.json('/api/usage')) as { total: { cost_nanodollars: string } };
      return total.cost_nanodollars === '104000';
    });
    // The gateway's books go on.
    await flow.record(await asked());
    await expect(reprice(prices, '--from', 'yesterday')).rejects.toThrow('from: must be a time');
  },
);
