import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { removeDataDir } from '../support/postgres.ts';
import { connectClient, startSocketProvider, turn } from './socket-provider.ts';
import type { SocketProvider } from './socket-provider.ts';

/** WebSockets before the real binary: what becomes of them as it leaves, or dies. */
const MODEL = 'gpt-5.5';
const CREATE = { type: 'response.create', model: MODEL, input: 'hello' };

let provider: SocketProvider;
const dataDir = temporaryFolder();
beforeAll(async () => {
  provider = await startSocketProvider();
});
afterAll(async () => {
  await provider.close();
  removeDataDir(dataDir);
});

function start(): Promise<TestGateway> {
  return startGateway({
    dataDir,
    config: {
      providers: { openai: { baseurl: provider.url, models: [MODEL], compatibility: { openai_responses: true } } },
      server: { drain: { notice: '0s', within: '60s' } },
      grants: [{ src: ['(loopback)'], app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }, { models: '**' }] } }],
    },
  });
}

test('kill -9 in a turn leaves one interrupted record; SIGTERM lets a turn end, and closes what is idle', async () => {
  provider.answer = (upstream) => upstream.say(turn('resp_killed', 'x')[0] ?? '');
  const first = await start();
  const killed = await connectClient(`${first.url}/v1/responses`);
  killed.send(CREATE);
  await killed.until('response.created');
  await first.kill();
  expect((await killed.ended()).code).toBe(1006);

  const second = await start();
  const found = await second.records(1);
  expect(found).toMatchObject([{ state: 'interrupted', response_id: 'resp_killed', api: 'openai_responses' }]);

  provider.answer = (upstream) => upstream.say(turn('resp_last', 'x')[0] ?? '');
  const [busy, idle] = [
    await connectClient(`${second.url}/v1/responses`),
    await connectClient(`${second.url}/v1/responses`),
  ];
  busy.send(CREATE);
  await busy.until('response.created');
  const ending = second.stop();
  expect((await idle.ended()).code).toBe(1001);
  provider.sockets.at(-1)?.say(...turn('resp_last', 'x').slice(1));
  await busy.until('response.completed');
  expect((await busy.ended()).code).toBe(1001);
  expect(await ending).toBe(0);

  const third = await start();
  const all = await third.records(2);
  expect(all.map(({ state, response_id }) => [response_id, state])).toEqual([
    ['resp_last', 'complete'],
    ['resp_killed', 'interrupted'],
  ]);
  expect(await third.stop()).toBe(0);
});
