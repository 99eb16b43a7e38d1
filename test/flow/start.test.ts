import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { assert } from '../../src/lib/result.ts';
import type { RecordRow } from '../support/gateway.ts';
import { slowness } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { freshCheckout } from './fresh-checkout.ts';
import type { FreshCheckout } from './fresh-checkout.ts';

/** The printed request asks for gpt-5.4: $2.50 and $15 a million, in nanodollars per token. */
const MODEL = 'gpt-5.4';
const INPUT_NANODOLLARS = 2500;
const OUTPUT_NANODOLLARS = 15_000;

const Answer = z.looseObject({ usage: z.looseObject({ prompt_tokens: z.int(), completion_tokens: z.int() }) });
const Listed = z.looseObject({ items: z.array(z.looseObject({ id: z.string(), cost_nanodollars: z.string() })) });

/** Promised are five seconds; a test machine has other things to do as well. */
const LATER_WITHIN_MS = 20_000;

test(
  'npm start in a bare directory: what it prints works, and outlives kill -9 of everything',
  { timeout: 900_000 },
  async () => {
    const checkout = await freshCheckout();
    try {
      const { firstMs, laterMs } = await firstMinutes(checkout);
      console.log(
        `npm start: installed, built and ready in ${Math.round(firstMs)} ms, after kill -9 in ${Math.round(laterMs)} ms`,
      );
      expect(laterMs).toBeLessThan(LATER_WITHIN_MS * slowness());
    } finally {
      await checkout.remove();
    }
  },
);

/** A newcomer's first minutes, as the README has them, and then the power goes. */
async function firstMinutes(checkout: FreshCheckout): Promise<{ firstMs: number; laterMs: number }> {
  const first = await checkout.start();
  const { usage } = Answer.parse(JSON.parse(bash(first.curl)));
  const streamed = bash(first.curl.replace('"messages"', '"stream": true, "messages"').replace('curl', 'curl -N'));
  expect(streamed).toMatch(/^data: \{[\s\S]*data: \[DONE\]\n\n$/);

  const records = await listed(first.url, 2);
  const cost = usage.prompt_tokens * INPUT_NANODOLLARS + usage.completion_tokens * OUTPUT_NANODOLLARS;
  for (const record of records) {
    expect(record).toMatchObject({
      model: MODEL,
      agent: 'curl',
      login: '(loopback)',
      state: 'complete',
      usage_state: 'final',
      usage: { input_uncached: usage.prompt_tokens, output: usage.completion_tokens },
      cost_nanodollars: String(cost),
    });
  }
  expect(records.map(({ stream }) => stream)).toEqual([true, false]);
  const shown = Listed.parse(JSON.parse(bash(first.costCurl))).items;
  expect(shown.map(({ id, cost_nanodollars }) => ({ id, cost_nanodollars }))).toEqual([
    { id: records[0]?.id, cost_nanodollars: String(cost) },
  ]);

  await checkout.killAll();
  const later = await checkout.start();
  const kept = await listed(later.url, 2);
  expect(kept).toEqual(records);
  expect(Answer.parse(JSON.parse(bash(later.curl))).usage, 'it serves as before').toEqual(usage);
  expect((await listed(later.url, 3)).length, 'each is there once').toBe(3);
  return { firstMs: first.tookMs, laterMs: later.tookMs };
}

function bash(command: string): string {
  const done = spawnSync('bash', ['-c', command], { encoding: 'utf8', timeout: 20_000 });
  assert(done.status === 0, `${command} ended with ${done.status ?? 'a signal'}: ${done.stderr}`);
  return done.stdout;
}

async function listed(url: string, count: number): Promise<RecordRow[]> {
  return until(
    `${count} requests are listed`,
    async () => {
      const response = await fetch(`${url}/api/requests?limit=100`);
      if (!response.ok) return undefined;
      const { items } = (await response.json()) as { items: RecordRow[] };
      return items.length >= count ? items : undefined;
    },
    60_000,
  );
}
