import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { ADMIN_GRANT, MODELS, PATHS, bodyOf } from '../flow/support.ts';
import { startHookServer } from '../guardrails/hooks/hook-server.ts';
import type { HookServer } from '../guardrails/hooks/hook-server.ts';
import { openHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { until } from '../support/until.ts';

/** Answers that are held for hooks, and more of them than the process has room for. */
const LIMIT_BYTES = 2 * 1024 * 1024;
const LIMIT = '2MiB';

let simulator: Simulator;
let hook: HookServer;
let house: House;

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  hook = await startHookServer();
  const anthropic = { openai_chat: false, anthropic_messages: true };
  const asked = (model: string, name: string) => ({
    models: `*/${model}`,
    send_hooks: [{ name, events: ['response'], send: ['response_body'] }],
  });
  house = await openHouse({
    providers: {
      openai: { baseurl: simulator.url, models: [MODELS.openai] },
      anthropic: { baseurl: simulator.url, models: [MODELS.anthropic], compatibility: anthropic },
    },
    hooks: { open: { url: hook.url }, shut: { url: hook.url, fail_policy: 'fail_closed' } },
    grants: [
      ADMIN_GRANT,
      {
        src: ['*'],
        app: { 'tailscale.com/cap/aperture': [asked(MODELS.openai, 'open'), asked(MODELS.anthropic, 'shut')] },
      },
    ],
    server: { limits: { body_bytes: LIMIT, inflight_bytes: LIMIT } },
  });
});
afterAll(async () => {
  await house.close();
  await hook.away();
  await simulator.close();
});

async function ask(api: 'openai' | 'anthropic', sim: string): Promise<{ status: number; body: string }> {
  const answer = await fetch((house.urls[0] ?? '') + PATHS[api], {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-sim': sim },
    body: JSON.stringify({ ...bodyOf(api), stream: true }),
  });
  return { status: answer.status, body: await answer.text() };
}

/** Three mebibytes of text: more than the process may hold. */
const LONG = 'events=3000;bytes=1024';

test('beyond the bytes in flight, an answer is given up by its fail_policy: it goes on, or it is refused', async () => {
  const passed = await ask('openai', LONG);
  expect(passed.status).toBe(200);
  expect(passed.body).toContain('[DONE]');
  expect(passed.body.length).toBeGreaterThan(LIMIT_BYTES);
  const refused = await ask('anthropic', LONG);
  expect(refused.status).toBe(503);
  expect(refused.body).toContain('bytes in flight');
  expect(hook.calls).toEqual([]);
  await until('both records are there', () => house.records.length === 2);
  expect(house.records.map(({ state, verdicts }) => [state, verdicts.map(({ action }) => action)])).toEqual([
    ['complete', ['error']],
    ['blocked', ['error']],
  ]);
  await house.quiescent();
});

test('a thread that dies while a hook is asked refuses the answer, and the next is asked again', async () => {
  hook.answer = () => undefined;
  const before = house.records.length;
  const asking = ask('anthropic', 'output=5');
  await until('the hook is asked', () => hook.calls.length === 1);
  await house.killRules();
  const { status, body } = await asking;
  expect(status).toBe(503);
  expect(body).toContain('gateway_inspector_failed');
  hook.answer = (response) => response.end('{"action":"allow"}');
  // Until another thread has begun, answers that would be judged are refused.
  await until('answers come again', async () => (await ask('anthropic', 'output=5')).status === 200);
  await house.quiescent();
  const states = house.records.slice(before).map(({ state }) => state);
  expect([states.includes('error'), states.includes('complete')]).toEqual([true, true]);
});
