import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { slowness } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { ADMIN } from './organisation.ts';
import { MODELS, startWorld } from './world.ts';
import type { BrowserWorld } from './world.ts';

/*
 * What clients and models write is shown as text, whatever it is: nothing of it runs, nothing leaves the page, what is not
 * seen is named, and no size makes the page stand still.
 */

/** What the provider answers next, byte for byte. */
let answer: { type: string; body: Uint8Array; headers?: Record<string, string> } = {
  type: 'application/json',
  body: new Uint8Array(),
};
let provider: Server;
let world: BrowserWorld;

const HOSTILE_MODEL = 'hostile-1';

beforeAll(async () => {
  provider = createServer((request, response) => {
    request.resume();
    request.on('end', () =>
      response.writeHead(200, { 'content-type': answer.type, ...answer.headers }).end(answer.body),
    );
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  const { port } = provider.address() as AddressInfo;
  const opened = { src: [ADMIN], app: { 'tailscale.com/cap/aperture': [{ direct_paths: ['hostile/pages/**'] }] } };
  world = await startWorld('hostile', { records: 0, providers: { hostile: hostileAt(port) }, grants: [opened] });
});
afterAll(async () => {
  await world.close();
  provider.close();
});

function hostileAt(port: number): unknown {
  return { baseurl: `http://127.0.0.1:${port}`, apikey: 'sk-hostile-0123456789', models: [HOSTILE_MODEL] };
}

/** Sends a body as it is, and waits until it can be looked at. */
async function send(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<string> {
  const as = { 'tailscale-user-login': ADMIN };
  const response = await fetch(`${world.gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...as, ...headers },
    body,
  });
  await response.arrayBuffer();
  expect(response.status).toBe(200);
  const id = response.headers.get('x-aperture-request-id') ?? '';
  await until('the exchange is captured', async () => {
    const told = await fetch(`${world.gateway.url}/api/requests/${id}`, { headers: as });
    return told.ok && ((await told.json()) as { capture: unknown }).capture !== null;
  });
  return id;
}

const ask = (text: string): string =>
  JSON.stringify({ model: HOSTILE_MODEL, messages: [{ role: 'user', content: text }] });
const says = (text: string): Uint8Array =>
  Buffer.from(
    JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }] }),
  );

describe('nothing that was captured runs', () => {
  const EVIL = [
    '<script>window.owned = 1</script>',
    '<img src=x onerror="window.owned = 2"><svg onload="window.owned = 3">',
    '<a href="javascript:window.owned=4">click</a> [click](javascript:window.owned=5) javascript:window.owned=6',
    '<iframe srcdoc="<script>parent.owned=7</script>"></iframe><style>body{display:none}</style>',
    'https://elsewhere.example/leak.png ![x](https://elsewhere.example/leak.png)',
    'user\u202etxt.exe zero\u200bwidth \u2066iso\u2069 tag\u{e0041}',
    '\u001b[31mred\u001b[0m \u0007bell \u009b2J',
  ].join('\n');

  test('markup, links, marks of direction and escapes, in every view', async () => {
    answer = { type: 'application/json', body: says(EVIL) };
    const body = JSON.stringify({
      model: HOSTILE_MODEL,
      messages: [
        { role: 'system', content: EVIL },
        { role: 'user', content: EVIL },
        { role: 'assistant', content: null, tool_calls: [{ id: EVIL, function: { name: EVIL, arguments: EVIL } }] },
        { role: 'tool', tool_call_id: EVIL, content: EVIL },
        { role: 'user', content: [{ type: 'text', text: EVIL }, { type: EVIL }, svg(), script()] },
      ],
      tools: [{ type: 'function', function: { name: EVIL, description: EVIL, parameters: { [EVIL]: EVIL } } }],
      [EVIL]: EVIL,
    });
    const id = await send(body, {
      'user-agent': `"><script>window.owned=8</script>`,
      'x-evil': `'"><img src=x onerror=window.owned=9>`,
    });
    const { page, ...visit } = await world.visit(ADMIN, `/ui/requests/${id}`);
    const scripts = await page.locator('script').count();
    await page.getByText('window.owned = 1').first().waitFor();
    for (const fold of [/System prompt/, /1 tool/, /Settings/, /earlier turns/]) {
      await page.getByRole('button', { name: fold }).first().click();
    }
    for (const mark of ['U+202E', 'U+200B', 'U+2066', 'U+E0041', 'U+001B', 'U+0007', 'U+009B']) {
      await page.getByText(mark, { exact: true }).first().waitFor();
    }
    await expectHarmless(page, scripts);
    expect(await visit.axe()).toEqual([]);
    await page.getByRole('button', { name: 'Copy as curl' }).click();
    await page.getByRole('button', { name: 'Copy the command' }).waitFor();
    // Its body has what a terminal would obey: it goes by a file.
    await page.getByText('Its body is too large or too strange for a command.').waitFor();
    await expectHarmless(page, scripts);
    await page.keyboard.press('Escape');
    for (const [tab, text] of [
      ['Raw', 'U+202E'],
      ['Headers', 'window.owned=9'],
      ['Timing', 'Until the first byte'],
      ['Record', 'window.owned=8'],
    ] as const) {
      await page.getByRole('tab', { name: tab }).click();
      await page.getByText(text).first().waitFor();
      await expectHarmless(page, scripts);
    }
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('a page that a provider answers with: of no origin of ours, and without scripts', async () => {
    answer = {
      type: 'text/html',
      headers: { 'content-security-policy': "default-src * 'unsafe-inline'" },
      body: Buffer.from('<h1>Of a provider</h1><script>window.owned = 12; fetch("/api/whoami")</script>'),
    };
    const { page, ...visit } = await world.visit(ADMIN, '/pages/one');
    await page.getByRole('heading', { name: 'Of a provider' }).waitFor();
    expect(await page.evaluate('[window.owned, self.origin]')).toEqual([undefined, 'null']);
    expect(visit.problems().join()).toMatch(/Blocked script execution/);
    await visit.close();
  });

  const svg = (): unknown => ({
    type: 'image_url',
    image_url: {
      url: `data:image/svg+xml;base64,${Buffer.from('<svg onload="window.owned=10"/>').toString('base64')}`,
    },
  });
  const script = (): unknown => ({ type: 'image_url', image_url: { url: 'javascript:window.owned=11' } });

  async function expectHarmless(page: Page, scripts: number): Promise<void> {
    expect(await page.evaluate('window.owned')).toBeUndefined();
    expect(await page.locator('script').count()).toBe(scripts);
    expect(await page.locator('main :is(iframe, style, img, object, embed, base, meta, form)').count()).toBe(0);
    const links = await page.locator('main a').all();
    const addresses = await Promise.all(links.map(async (link) => (await link.getAttribute('href')) ?? ''));
    expect(addresses.filter((href) => !href.startsWith('/ui/') && !href.startsWith('/api/'))).toEqual([]);
  }
});

describe('no size makes the page stand still', () => {
  /** Notes the longest time for which the page did nothing for anybody. */
  const WATCH = `
    window.stoodMs = 0;
    let beatMs = performance.now();
    setInterval(() => {
      const nowMs = performance.now();
      window.stoodMs = Math.max(window.stoodMs, nowMs - beatMs - 20);
      beatMs = nowMs;
    }, 20);
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) window.stoodMs = Math.max(window.stoodMs, duration);
    }).observe({ type: 'longtask', buffered: true });
  `;
  const BOUND_MS = 500;
  const TRIES = 3;

  /** Opens a view, does something, and judges how long it stood. What stands still once was the machine. */
  async function livelyAt(path: string, act: (page: Page) => Promise<void>): Promise<void> {
    let leastMs = Infinity;
    let boundMs = BOUND_MS;
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const before = slowness();
      const { page, ...visit } = await world.visit(ADMIN, '/ui/');
      await page.addInitScript(WATCH);
      await page.goto(world.gateway.url + path);
      await act(page);
      leastMs = Math.min(leastMs, await page.evaluate<number>('window.stoodMs'));
      boundMs = BOUND_MS * Math.max(before, slowness());
      expect(visit.problems()).toEqual([]);
      await visit.close();
      if (leastMs <= boundMs) return;
    }
    expect(leastMs).toBeLessThanOrEqual(boundMs);
  }

  const region = (page: Page, name: string) => page.getByRole('region', { name });

  test('a body of 20 MB in one line, as a conversation and raw', async () => {
    answer = { type: 'application/json', body: says('ok') };
    const words = 'the heron stands in the water and waits. ';
    const id = await send(ask(words.repeat(Math.ceil((20 * 1024 * 1024) / words.length)) + 'THE END'));
    await livelyAt(`/ui/requests/${id}`, async (page) => {
      await page.getByText('the heron stands').first().waitFor();
      await page.getByRole('button', { name: 'Show all' }).click();
      await page.getByRole('button', { name: 'Show more' }).click();
    });
    await livelyAt(`/ui/requests/${id}?tab=raw&side=request`, async (page) => {
      await region(page, 'Request body').getByText('"model"').waitFor();
      await page.getByRole('searchbox', { name: 'Find' }).fill('the end');
      await page.getByText('1 of 1').waitFor();
      await region(page, 'Request body').locator('mark').first().waitFor();
    });
  });

  test('a line of 5 MB, and bytes that are no UTF-8', async () => {
    const whole = says('x'.repeat(5 * 1024 * 1024));
    answer = {
      type: 'application/json',
      body: Buffer.concat([whole.subarray(0, -1), Buffer.from([0xff, 0xfe]), whole.subarray(-1)]),
    };
    const id = await send(ask('go'));
    await livelyAt(`/ui/requests/${id}?tab=raw&form=as-it-came`, async (page) => {
      await region(page, 'Response body').getByText('xxxx').first().waitFor();
      await page.getByText('Some bytes are not UTF-8').waitFor();
      await region(page, 'Response body').press('End');
      await region(page, 'Response body').getByText('\ufffd').first().waitFor();
    });
  });

  test('JSON of ten thousand levels', async () => {
    const depth = 10_000;
    const deep = '['.repeat(depth) + ']'.repeat(depth);
    answer = {
      type: 'application/json',
      body: Buffer.from(`{"choices":[{"message":{"role":"assistant","content":"deep","x":${deep}}}]}`),
    };
    const id = await send(ask('go'));
    await livelyAt(`/ui/requests/${id}`, (page) => page.getByText('deep', { exact: true }).first().waitFor());
    // Where JSON.stringify goes no deeper, it cannot be had as a value: that is no fault of the gateway's.
    const value = await fetch(`${world.gateway.url}/api/requests/${id}/body?side=response&form=json`, {
      headers: { 'tailscale-user-login': ADMIN },
    });
    expect(value.status).toBe(200);
    expect(await value.text()).toMatch(/^\{"body":(?:null\}|\{)/);
    await livelyAt(`/ui/requests/${id}?tab=raw`, async (page) => {
      await region(page, 'Response body').getByText('"choices"').waitFor();
      await region(page, 'Response body').press('End');
      await region(page, 'Response body').getByText(']').first().waitFor();
    });
  });

  test('a stream of 50,000 events', async () => {
    const id = await world.exchange(ADMIN, {
      path: '/v1/chat/completions',
      body: { model: MODELS.chat, stream: true, messages: [{ role: 'user', content: 'go on' }] },
      sim: 'events=50000;bytes=12',
    });
    await livelyAt(`/ui/requests/${id}?tab=stream`, async (page) => {
      await page.getByText(/50K events/).waitFor();
      await page.getByRole('listbox', { name: 'Events' }).press('End');
      await page.getByRole('option', { name: '[DONE]' }).or(page.getByText('[DONE]')).first().waitFor();
      await page.getByRole('slider', { name: 'Place in the stream' }).press('Home');
      await page.getByRole('radio', { name: '16×' }).click();
      await page.getByRole('button', { name: 'Play' }).click();
      await page.getByRole('button', { name: 'Play' }).waitFor();
    });
    await livelyAt(`/ui/requests/${id}`, (page) => page.getByText('go on').waitFor());
  });
});
