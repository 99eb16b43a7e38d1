import { afterEach, expect, test } from 'vitest';
import { removeDataDir } from '../support/postgres.ts';
import { temporaryFolder } from '../support/gateway.ts';
import { isSigned, startReceiver } from '../support/receiver.ts';
import type { Arrived } from '../support/receiver.ts';
import { startTestSyslog } from '../support/syslog.ts';
import { until } from '../support/until.ts';
import { startFlow } from './support.ts';
import type { Flow } from './support.ts';

const SECRET = `whsec_${Buffer.alloc(32, 'f').toString('base64')}`;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Delivery {
  id: string;
  sequence: number;
  state: string;
  attempts: number;
  payload?: { id: string };
}

const once = (arrived: Arrived[]): Arrived[] => [...new Map(arrived.map((one) => [one.id, one])).values()];

async function listed(flow: Flow, query = ''): Promise<Delivery[]> {
  return ((await flow.gateway.json(`/api/deliveries${query}`)) as { items: Delivery[] }).items;
}

test('failure mode 10: every closed request reaches a webhook and syslog once, in sequence, over kill -9 in the middle', async () => {
  const [siem, refusals, syslog] = await Promise.all([startReceiver(), startReceiver(), startTestSyslog()]);
  closing.push(() => Promise.all([siem.away(), refusals.away(), syslog.away()]));
  const dataDir = temporaryFolder();
  const options = {
    dataDir,
    server: { egress: { allow: ['127.0.0.1'] } },
    exporters: {
      syslog: {
        siem: { address: `127.0.0.1:${syslog.port}`, tls: false, format: 'json', filter: { models: ['gpt-*'] } },
      },
      webhooks: {
        siem: { url: siem.url, secret: SECRET, timeout: '5s', filter: { models: ['gpt-*'] } },
        refusals: {
          url: refusals.url,
          secret: [SECRET],
          authorization: 'Bearer 6c1f',
          format: 'ocsf',
          events: ['request.closed', 'request.denied', 'guardrail.verdict'],
          filter: { logins: ['(loop*'], states: ['denied'] },
          batch: { most: 10 },
        },
      },
    },
  };
  closing.push(() => {
    removeDataDir(dataDir);
  });
  let flow = await startFlow(options);
  const ids: string[] = [];
  const ask = async (count: number): Promise<void> => {
    for (let at = 0; at < count; at += 1) {
      const response = await flow.ask('openai');
      await response.arrayBuffer();
      ids.push(response.headers.get('x-aperture-request-id') ?? '');
    }
  };
  await ask(5);
  await until('the first are delivered', () => once(siem.arrived).length === 5, 20_000);
  // What has arrived and is not answered when its sender dies comes again, under the same id.
  siem.answer = () => undefined;
  await ask(3);
  await until('one is under way', () => once(siem.arrived).length === 6, 20_000);
  await flow.gateway.kill();
  await flow.simulator.close();
  siem.answer = (response) => response.end();
  flow = await startFlow(options);
  closing.push(() => flow.close());
  await ask(2);
  const refused = await flow.ask('openai', { body: { model: 'nobody-has-this' } });
  await refused.arrayBuffer();
  await until('all have arrived', () => once(siem.arrived).length === 10, 30_000);
  const arrived = once(siem.arrived);
  expect(arrived.map(({ body }) => body.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(new Set(arrived.map(({ body }) => body.data['id']))).toEqual(new Set(ids));
  expect(siem.arrived.every((one) => isSigned(one, SECRET))).toBe(true);
  expect(arrived[0]!.body).toMatchObject({
    type: 'request.closed',
    data: { state: 'complete', status: 200, login: '(loopback)', model: 'gpt-5-mini', provider: 'openai' },
  });

  await until('syslog has them too', () => new Set(syslog.arrived.map(({ id }) => id)).size === 10, 30_000);
  const logged = [...new Map(syslog.arrived.map((one) => [one.id, one])).values()];
  expect(logged.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const requests = logged.map(({ text }) => (JSON.parse(text) as { data: { id: string } }).data.id);
  expect(new Set(requests)).toEqual(new Set(ids));
  const { destinations } = (await flow.gateway.json('/api/destinations')) as { destinations: unknown[] };
  expect(destinations).toContainEqual(
    expect.objectContaining({ name: 'syslog.siem', events: ['request.closed'], last_sequence: 10, failures: 0 }),
  );

  const told = (): { class_uid: number; metadata: { event_code: string; sequence: number }; api: unknown }[] =>
    once(refusals.arrived).flatMap(({ text }) => JSON.parse(text) as ReturnType<typeof told>);
  await until('the refusal has arrived', () => told().length === 2, 20_000);
  expect(new Set(told().map(({ metadata }) => metadata.event_code))).toEqual(
    new Set(['request.closed', 'request.denied']),
  );
  expect(told().map(({ metadata }) => metadata.sequence)).toEqual([1, 2]);
  for (const event of told()) {
    expect(event).toMatchObject({
      class_uid: 6003,
      api: {
        request: { uid: refused.headers.get('x-aperture-request-id') },
        response: { code: refused.status },
      },
    });
  }
  expect(refusals.arrived.every(({ headers }) => headers.authorization === 'Bearer 6c1f')).toBe(true);

  await until(
    'all are noted',
    async () => (await listed(flow, '?state=delivered&destination=webhooks.siem')).length === 10,
  );
  const page = (await flow.gateway.json('/api/deliveries?limit=4&destination=webhooks.siem')) as {
    items: Delivery[];
    next: string;
  };
  expect(page.items.map(({ sequence }) => sequence)).toEqual([10, 9, 8, 7]);
  const older = await listed(flow, `?limit=4&before=${page.next}&destination=webhooks.siem`);
  expect(older.map(({ sequence }) => sequence)).toEqual([6, 5, 4, 3]);
  const one = (await flow.gateway.json(`/api/deliveries/${page.items[0]!.id}`)) as Delivery;
  expect(one.payload?.id).toBe(arrived.at(-1)!.body.data['id']);
  const replayed = await fetch(`${flow.gateway.url}/api/deliveries/replay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ids: [one.id] }),
  });
  expect([replayed.status, await replayed.json()]).toEqual([200, { replayed: 1, more: false }]);
  await until('it came again', () => siem.arrived.filter(({ id }) => id === one.id).length === 2);
  for (const [path, method, status] of [
    ['/api/deliveries/replay', 'GET', 405],
    ['/api/deliveries', 'POST', 405],
    ['/api/deliveries/none', 'GET', 404],
    ['/api/deliveries?state=lost', 'GET', 400],
  ] as const) {
    expect((await fetch(flow.gateway.url + path, { method })).status, `${method} ${path}`).toBe(status);
  }
  await until(
    'metrics tell it',
    async () => {
      const metrics = await (await fetch(`${flow.gateway.url}/metrics`)).text();
      return metrics.includes('aperture_delivery_attempts_total{destination="webhooks.siem",outcome="delivered"}');
    },
    60_000,
  );
});
