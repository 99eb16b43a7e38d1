import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { ADMIN_GRANT, MODELS, PATHS, bodyOf } from '../flow/support.ts';
import { openHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { until } from '../support/until.ts';

/** A thread that runs rules, and dies with requests and responses in its hands. */
let simulator: Simulator;
let house: House;

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  house = await openHouse({
    providers: { openai: { baseurl: simulator.url, models: [MODELS.openai] } },
    hooks: { birds: { builtin: { kind: 'words', action: 'redact', words: ['heron'] } } },
    grants: [
      ADMIN_GRANT,
      { src: ['*'], app: { 'tailscale.com/cap/aperture': [{ models: '**', send_hooks: [{ name: 'birds' }] }] } },
    ],
  });
});
afterAll(async () => {
  await house.close();
  await simulator.close();
});

function ask(stream: boolean, sim: string): Promise<Response> {
  return fetch((house.urls[0] ?? '') + PATHS.openai, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-sim': sim },
    body: JSON.stringify({ ...bodyOf('openai'), stream }),
  });
}

/** All that came before the connection ended, however it did. */
async function allOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  let text = '';
  for (;;) {
    const piece = await reader?.read().catch(() => undefined);
    if (piece?.value === undefined) return text;
    text += Buffer.from(piece.value).toString('utf8');
  }
}

test('failure mode 15: streams that it held end with an error of the API, nothing forbidden came, and the next ones go on', async () => {
  const streams = await Promise.all(
    Array.from({ length: 5 }, () => ask(true, `text=${encodeURIComponent('heron '.repeat(200))};bytes=3;pace=20ms`)),
  );
  for (const { status } of streams) expect(status).toBe(200);
  const texts = streams.map(allOf);
  await house.killRules();
  for (const text of await Promise.all(texts)) {
    expect(text).not.toContain('heron');
    expect(text).toContain('gateway_inspector_failed');
    expect(text).not.toContain('[DONE]');
  }
  await until('five records are there', () => house.records.length === 5);
  expect(house.records.map(({ state, error }) => [state, error?.code])).toEqual(
    Array.from({ length: 5 }, () => ['error', 'gateway_inspector_failed']),
  );

  const next = await ask(false, `text=${encodeURIComponent('a heron')}`);
  expect(next.status).toBe(200);
  expect(await next.text()).toContain('a [redacted:word]');
  await house.quiescent();
});

test('a whole answer that it held becomes an error, with its own status', async () => {
  const asking = ask(false, 'text=heron;delay=300ms');
  await until('the request is under way', () => house.live.size === 1);
  await house.killRules();
  const answer = await asking;
  expect([503, 200]).toContain(answer.status);
  expect(await answer.text()).not.toContain('heron');
  await house.quiescent();
});
