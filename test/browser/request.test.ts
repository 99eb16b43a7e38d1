import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { uuid7 } from '../../src/lib/uuid7.ts';
import { AGENT_TURN } from './agent-turn.ts';
import { ADMIN, USER } from './organisation.ts';
import { MODELS, startWorld } from './world.ts';
import type { BrowserWorld } from './world.ts';

const AUDITOR = 'auditor@example.com';
const SAID = 'It has one leg while it sleeps.';

let world: BrowserWorld;
/** The user's exchange with an agent's history, streamed. */
let agentId: string;

beforeAll(async () => {
  world = await startWorld('request', {
    records: 200,
    days: 2,
    config: { hooks: { addresses: { builtin: { kind: 'personal_data', action: 'flag' } } } },
    grants: [
      {
        src: [AUDITOR],
        app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }, { read_captures: false }] },
      },
      {
        src: [USER],
        app: { 'tailscale.com/cap/aperture': [{ models: '**', send_hooks: [{ name: 'addresses' }] }] },
      },
    ],
  });
  agentId = await world.exchange(USER, {
    path: '/v1/messages',
    body: AGENT_TURN,
    headers: {
      'anthropic-version': '2023-06-01',
      authorization: 'Bearer sk-ant-not-to-be-seen-0123456789',
      'x-note': 'a "quoted" value, isn\'t it',
    },
    sim: `text=${encodeURIComponent(SAID)};reasoning=40;input=900;cached=5000;output=220;pace=30ms`,
  });
});
afterAll(() => world.close());

/** Of what went to the provider, by the books. */
async function sentHash(id: string): Promise<string | undefined> {
  const { rows } = await world.pool.query<{ sha: string }>(
    'SELECT request_sha256 AS sha FROM aperture.records WHERE id = $1',
    [id],
  );
  return rows[0]?.sha;
}

const figure = (page: Page, name: string) => page.locator(`[data-figure="${name}"] dd`).first();

describe('the figures', () => {
  interface Row {
    cost: string | null;
    input: number;
    cached: number;
    output: number;
    status: number;
    took_ms: string;
  }
  const sql = `
    SELECT cost_nanodollars::text AS cost, status, (1000 * extract(epoch FROM ended_at - received_at))::numeric(12, 3)::text AS took_ms,
           (input_uncached + cache_read + cache_write_5m + cache_write_1h + cache_write_other + audio_in + image_in)::int AS input,
           cache_read::int AS cached, (output + reasoning + audio_out + image_out)::int AS output
      FROM aperture.records WHERE id = $1`;
  const exact = new Intl.NumberFormat('en');

  test.each([
    [ADMIN, 'of the month'],
    [USER, 'of now'],
  ])('are those of the API and of the books, for %s one %s', async (login, which) => {
    const old = world.month.findLast(({ state, usage }) => state === 'complete' && (usage?.cache_read ?? 0) > 0)!;
    const id = which === 'of now' ? agentId : old.id;
    const { rows } = await world.pool.query<Row>(sql, [id]);
    const row = rows[0]!;
    if (which === 'of now') expect(row).toMatchObject({ input: 5_900, cached: 5_000, output: 260 });
    else expect(row).toMatchObject({ cost: old.cost_nanodollars, cached: old.usage?.cache_read });
    const told = await world.json(login, `/api/requests/${id}`);
    expect(told).toMatchObject({ cost_nanodollars: row.cost, status: row.status, usage: { cache_read: row.cached } });

    const { page, ...visit } = await world.visit(login, `/ui/requests/${id}`);
    await figure(page, 'cost').waitFor();
    const nano = BigInt(row.cost!);
    expect(await figure(page, 'cost').getAttribute('title')).toBe(
      `$${exact.format(nano / 1_000_000_000n)}.${String(nano % 1_000_000_000n).padStart(9, '0')}`,
    );
    expect(await figure(page, 'input').getAttribute('title')).toBe(exact.format(row.input));
    expect(await figure(page, 'output').getAttribute('title')).toBe(exact.format(row.output));
    expect(await figure(page, 'status').innerText()).toBe(String(row.status));
    expect(await figure(page, 'duration').getAttribute('title')).toBe(`${row.took_ms} ms`);
    const tokens = async (kind: string) => page.locator(`[data-tokens="${kind}"] dd`).innerText();
    expect(await tokens('cache_read')).toBe(exact.format(row.cached));
    expect(await tokens('all')).toBe(exact.format(row.input + row.output));
    // Of a month that has only its books nothing was captured, and the page says so.
    await page.getByText(which === 'of now' ? SAID : 'Nothing was kept').waitFor();
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('what was corrected later is shown as it is now, and as it was booked', async () => {
    const record = world.month.findLast(({ cost_nanodollars, login }) => cost_nanodollars !== null && login !== USER)!;
    await world.pool.query('INSERT INTO aperture.amendments (record_id, id, kind, body) VALUES ($1, $2, $3, $4)', [
      record.id,
      uuid7(Date.now()),
      'price',
      { cost_nanodollars: '1234567890', price_version: 'later' },
    ]);
    const { page, ...visit } = await world.visit(ADMIN, `/ui/requests/${record.id}`);
    await figure(page, 'cost').waitFor();
    expect(await figure(page, 'cost').getAttribute('title')).toBe('$1.234567890');
    await page.getByText('Priced again').waitFor();
    const nano = BigInt(record.cost_nanodollars!);
    const booked = page.locator('dl > div', { hasText: 'First booked' }).locator('dd');
    expect(await booked.getAttribute('title')).toBe(
      `$${nano / 1_000_000_000n}.${String(nano % 1_000_000_000n).padStart(9, '0')}`,
    );
    await visit.close();
  });
});

describe('a conversation', () => {
  test('has its new turn in sight, what led to it folded, and the answer', async () => {
    const { page, ...visit } = await world.visit(USER, `/ui/requests/${agentId}`);
    await page.getByText(SAID).waitFor();
    // The new turn: the result of a tool that an earlier turn called.
    await page.getByText('src/heron.ts:13').waitFor();
    expect(await page.getByText('The heron test fails').count()).toBe(0);
    await page.getByRole('button', { name: /4 earlier turns/ }).click();
    await page.getByText('The heron test fails').waitFor();
    await page.getByText('grep -rn').waitFor();
    await page.getByRole('button', { name: /System prompt/ }).click();
    await page.getByText('You are a careful engineer').waitFor();
    await page.getByRole('button', { name: /2 tools/ }).click();
    await page.getByRole('button', { name: /Reads a file from the disk/ }).click();
    await page.getByText('"input_schema"').or(page.getByText('"properties"')).first().waitFor();
    // A picture is told with its size, and drawn when asked for.
    expect(await page.locator('main img').count()).toBe(0);
    await page.getByRole('button', { name: 'Show it' }).click();
    expect(await page.locator('main img').getAttribute('src')).toMatch(/^data:image\/png;base64,/);
    expect(await visit.axe()).toEqual([]);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test.each([
    [
      'chat',
      '/v1/chat/completions',
      { model: MODELS.chat, stream: true, messages: [{ role: 'user', content: 'Where do herons sleep?' }] },
    ],
    ['responses', '/v1/responses', { model: MODELS.chat, input: 'Where do herons sleep?' }],
    [
      'gemini',
      `/v1beta/models/${MODELS.gemini}:generateContent`,
      { contents: [{ role: 'user', parts: [{ text: 'Where do herons sleep?' }] }] },
    ],
  ])('is read of %s too', async (_api, path, body) => {
    const id = await world.exchange(ADMIN, { path, body, sim: `text=${encodeURIComponent(SAID)}` });
    const { page, ...visit } = await world.visit(ADMIN, `/ui/requests/${id}`);
    await page.getByText('Where do herons sleep?').waitFor();
    await page.getByText(SAID).waitFor();
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('that is none is shown raw', async () => {
    const id = await world.exchange(ADMIN, {
      path: '/v1/chat/completions',
      body: { model: MODELS.chat, messages: [{ role: 'user', content: 'x' }] },
      sim: 'status=502;html',
    });
    const { page, ...visit } = await world.visit(ADMIN, `/ui/requests/${id}`);
    await page.getByText('This cannot be read as a conversation.').waitFor();
    await page.getByRole('button', { name: 'Show it raw' }).click();
    await page.getByText('This is no JSON').waitFor();
    expect(page.url()).toContain('tab=raw');
    expect(await page.getByRole('region', { name: 'Response body' }).innerText()).toContain('<html');
    await visit.close();
  });
});

describe('the other views', () => {
  test('raw: found text is counted and gone through, and the address keeps it all', async () => {
    const { page, ...visit } = await world.visit(USER, `/ui/requests/${agentId}?tab=raw&side=request`);
    const body = page.getByRole('region', { name: 'Request body' });
    await body.getByText('"max_tokens"').waitFor();
    await page.getByRole('searchbox', { name: 'Find' }).fill('HERON');
    const expected = JSON.stringify(AGENT_TURN).toLowerCase().split('heron').length - 1;
    await page.getByText(`1 of ${expected}`).waitFor();
    await page.getByRole('searchbox', { name: 'Find' }).press('Enter');
    await page.getByText(`2 of ${expected}`).waitFor();
    expect(new URL(page.url()).searchParams.get('find')).toBe('HERON');
    await page.getByRole('radio', { name: 'As it came' }).click();
    await page.getByText(`of ${expected}`).waitFor();
    await page.reload();
    await page.getByText(`1 of ${expected}`).waitFor();
    expect(await page.getByRole('radio', { name: 'As it came' }).getAttribute('aria-checked')).toBe('true');
    expect(await visit.axe()).toEqual([]);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('stream: every event in order, and a replay whose text grows', async () => {
    const { page, ...visit } = await world.visit(USER, `/ui/requests/${agentId}?tab=stream`, { theme: 'dark' });
    const raw = await fetch(`${world.gateway.url}/api/requests/${agentId}/body?side=response`, {
      headers: { 'tailscale-user-login': USER },
    });
    const events = (await raw.text()).split('\n\n').filter((each) => each !== '');
    await page.getByText(`${events.length} events`).waitFor();
    const screen = page.getByRole('region', { name: 'Replayed text' });
    await screen.getByText(SAID).waitFor();
    const options = page.getByRole('option');
    await options.first().click();
    await page.getByRole('figure', { name: 'Event 1', exact: true }).getByText('message_start').waitFor();
    await page.getByRole('listbox', { name: 'Events' }).press('End');
    await page
      .getByRole('figure', { name: `Event ${events.length}`, exact: true })
      .getByText('message_stop')
      .waitFor();
    // At its beginning nothing has come; played at 16 times its pace all has.
    await page.getByRole('slider', { name: 'Place in the stream' }).press('Home');
    await screen.getByText('Waiting for the first byte').waitFor();
    await page.getByRole('radio', { name: '16×' }).click();
    await page.getByRole('button', { name: 'Play' }).click();
    await screen.getByText(SAID).waitFor();
    await page.getByRole('button', { name: 'Play' }).waitFor();
    expect(await visit.axe()).toEqual([]);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('headers: both sides, and a credential is said to be one and not shown', async () => {
    const { page, ...visit } = await world.visit(ADMIN, `/ui/requests/${agentId}?tab=headers`);
    await page.locator('[data-header="authorization"]').getByText('redacted').waitFor();
    expect(await page.locator('[data-header="anthropic-version"] dd').innerText()).toBe('2023-06-01');
    await page.getByLabel('Response headers').getByText('text/event-stream').waitFor();
    expect(await page.content()).not.toContain('not-to-be-seen');
    expect(await visit.axe()).toEqual([]);
    await visit.close();
  });

  test('timing and record: spans, the verdict with its counts, and a receipt', async () => {
    const { page, ...visit } = await world.visit(USER, `/ui/requests/${agentId}?tab=timing`);
    for (const span of ['gateway', 'attempt-0', 'response', 'request-rule-0']) {
      await page.locator(`[data-span="${span}"]`).waitFor();
    }
    expect(await visit.axe()).toEqual([]);
    await page.getByRole('tab', { name: 'Timing' }).press('ArrowRight');
    const verdict = page.getByRole('region', { name: 'Verdicts' }).locator('tbody tr').first();
    await verdict.getByText('email × 1').waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Receipt' }).click();
    const receipt = JSON.parse(await readFile(await (await download).path(), 'utf8'));
    const hash = await sentHash(agentId);
    expect(JSON.stringify(receipt)).toContain(hash);
    await page
      .getByText(hash ?? 'no hash')
      .first()
      .waitFor();
    expect(await visit.axe()).toEqual([]);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });
});

test('copied as curl, a shell sends the same bytes again, without the credential', async () => {
  const { page, ...visit } = await world.visit(USER, `/ui/requests/${agentId}`);
  await page.getByRole('button', { name: 'Copy as curl' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('Without its credentials: authorization').waitFor();
  await dialog.getByRole('button', { name: 'Copy the command' }).click();
  await dialog.getByText('Copied').waitFor();
  expect(await visit.axe()).toEqual([]);
  const command = await page.evaluate<string>('navigator.clipboard.readText()');
  expect(command).not.toContain('not-to-be-seen');
  const run = promisify(execFile);
  const { stdout } = await run('/bin/sh', [
    '-c',
    `${command} --silent --output /dev/null --write-out '%header{x-aperture-request-id}' --header 'tailscale-user-login: ${USER}'`,
  ]);
  await expect.poll(() => sentHash(stdout.trim()), { timeout: 30_000 }).toBe(await sentHash(agentId));
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('who may not see it is told why: somebody else’s, an auditor’s, and what was removed since', async () => {
  const other = world.month.find(({ login }) => login !== USER)!;
  const user = await world.visit(USER, `/ui/requests/${other.id}`);
  await user.page.getByText('There is no such request').waitFor();
  await user.close();

  const auditor = await world.visit(AUDITOR, `/ui/requests/${agentId}`);
  await auditor.page.getByText('What was said is not for you').waitFor();
  await figure(auditor.page, 'cost').waitFor();
  expect(await auditor.page.content()).not.toContain('heron');
  expect(await auditor.axe()).toEqual([]);
  await auditor.close();

  const id = await world.exchange(USER, {
    path: '/v1/chat/completions',
    body: { model: MODELS.chat, messages: [{ role: 'user', content: 'to be removed' }] },
  });
  await world.pool.query('DELETE FROM aperture.captures WHERE id = $1', [id]);
  await world.pool.query(
    `UPDATE aperture.records SET received_at = received_at - interval '1 hour', ended_at = ended_at - interval '1 hour' WHERE id = $1`,
    [id],
  );
  const gone = await world.visit(USER, `/ui/requests/${id}?tab=raw`);
  await gone.page.getByText('Nothing was kept').waitFor();
  await gone.close();
});

test('on a phone nothing sticks out, and the books are folded above the conversation', async () => {
  const { page, ...visit } = await world.visit(USER, `/ui/requests/${agentId}`, {
    width: 360,
    height: 740,
    theme: 'dark',
  });
  await page.getByText(SAID).waitFor();
  await page.getByRole('button', { name: 'Tokens, price and origin' }).click();
  await page.locator('[data-tokens="cache_read"]').waitFor();
  for (const tab of ['Raw', 'Stream', 'Headers', 'Timing', 'Record', 'Conversation']) {
    await page.getByRole('tab', { name: tab }).click();
    await page.getByRole('tabpanel').locator('section').first().waitFor();
    const over = () =>
      page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    expect([tab, await over()]).toEqual([tab, 0]);
  }
  expect(await visit.axe()).toEqual([]);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});
