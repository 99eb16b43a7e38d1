import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { COMPANY } from './company-config.ts';
import { ADMIN, USER } from './organisation.ts';
import { MODELS, startWorld } from './world.ts';
import type { BrowserWorld, Visit } from './world.ts';

let world: BrowserWorld;
const KEY = 'sk-browser-test-0123456789';
const OPUS = 'claude-opus-4-6';
const EDITOR = { name: 'Config, HuJSON' };

interface Config {
  config: string;
  hash: string;
  number: number;
}

beforeAll(async () => {
  world = await startWorld('configuration', { records: 0, ...COMPANY });
  await save((text) => `// The gateway of Example, Inc.\n${JSON.stringify(JSON.parse(text), null, 2)}\n`, 'in lines');
});
afterAll(() => world.close());

async function current(): Promise<Config> {
  return (await world.json(ADMIN, '/api/config')) as Config;
}

/** Saves as another admin's tool does. */
async function save(change: (text: string) => string, note: string): Promise<void> {
  const { config, hash } = await current();
  const response = await fetch(`${world.gateway.url}/api/config`, {
    method: 'PUT',
    headers: { 'tailscale-user-login': ADMIN, 'content-type': 'application/json' },
    body: JSON.stringify({ config: change(config), hash, note }),
  });
  expect(response.status, await response.clone().text()).toBe(200);
}

async function open(view: string): Promise<Visit> {
  return world.visit(ADMIN, `/ui/configuration${view}`);
}

/** Nothing went wrong in the page, and axe has nothing to say in either theme. */
async function isSound(visit: Visit): Promise<void> {
  expect(await visit.axe()).toEqual([]);
  await visit.page.emulateMedia({ colorScheme: 'dark' });
  expect(await visit.axe()).toEqual([]);
  expect(visit.problems()).toEqual([]);
  await visit.close();
}

/** Puts a line after the config's first, which is a comment. */
async function typeLine(page: Page, line: string): Promise<void> {
  await page.getByRole('textbox', EDITOR).click();
  await page.keyboard.press('Control+Home');
  await page.keyboard.press('End');
  await page.keyboard.insertText(`\n${line}`);
}

test('the page is for admins', async () => {
  const user = await world.visit(USER, '/ui/configuration');
  await user.page.getByText('This page is for admins').waitFor();
  expect(await user.page.getByRole('tab').count()).toBe(0);
  expect(user.problems()).toEqual([]);
  await user.close();
});

describe('the editor', () => {
  test('says where a text is wrong while it is typed, and what would be saved before it is', async () => {
    const visit = await open('');
    const { page } = visit;
    await page.getByRole('textbox', EDITOR).waitFor();
    await page.getByText('Saved', { exact: true }).waitFor();
    await typeLine(page, '// a remark');
    await page.keyboard.press('Control+End');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('End');
    await page.keyboard.insertText(',\n  "flags": { "lunch": { "value": "a lot" } }');
    const problems = page.getByRole('region', { name: 'Problems' });
    await problems.getByText('flags.lunch.value').waitFor();
    expect(await page.getByRole('button', { name: 'Review and save' }).isDisabled()).toBe(true);

    // A problem leads to its place: what is selected there is what is written over.
    await problems.getByRole('button', { name: /flags\.lunch\.value/ }).click();
    await page.keyboard.insertText('true');
    await problems.getByText('flags.lunch.value').waitFor({ state: 'detached' });
    await page.getByText('Not saved').waitFor();
    await page.getByRole('button', { name: 'Review and save' }).click();
    const review = page.getByRole('dialog', { name: 'Review the changes' });
    await review.locator('.cm-insertedLine, .cm-changedLine').getByText('lunch').waitFor();
    await review.getByText('+3', { exact: true }).waitFor();
    expect(await visit.axe()).toEqual([]);
    await review.getByLabel('Note').fill('lunch is on the house');
    await review.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/^Version \d+ is saved and holds/).waitFor();

    const { config, number } = await current();
    expect(config).toContain('\n// a remark\n');
    expect(config).toContain('"lunch": { "value": true }');
    const version = await world.json(ADMIN, `/api/config/versions/${number}`);
    expect(version).toMatchObject({ author: ADMIN, note: 'lunch is on the house' });
    await isSound(visit);
  });

  test('keeps a draft over other views, and asks before it is lost', async () => {
    const visit = await open('');
    const { page } = visit;
    await typeLine(page, '// not to be lost');
    await page.getByRole('tab', { name: 'Providers' }).click();
    await page.locator('[data-row=openai]').waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    const asked = page.getByRole('dialog', { name: 'Leave without saving?' });
    await asked.getByRole('button', { name: 'Stay' }).click();
    await page.getByRole('tab', { name: 'Editor' }).click();
    await page.getByText('// not to be lost').waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    await asked.getByRole('button', { name: 'Leave and lose the changes' }).click();
    await page.waitForURL('**/ui/');
    expect((await current()).config).not.toContain('not to be lost');
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('where somebody saved in the meantime, shows theirs and keeps both on demand', async () => {
    const visit = await open('');
    const { page } = visit;
    await typeLine(page, '// mine');
    await page.getByText('Not saved').waitFor();
    await save((text) => text.replace('"capacity": "$200.00"', '"capacity": "$300.00"'), 'more to borrow');
    await page.getByRole('button', { name: 'Review and save' }).click();
    await page.getByRole('dialog', { name: 'Review the changes' }).getByRole('button', { name: 'Save' }).click();
    const conflict = page.getByRole('dialog', { name: 'Somebody saved in the meantime' });
    await conflict.getByText('more to borrow').waitFor();
    await conflict.getByText('$300.00').first().waitFor();
    await page.setViewportSize({ width: 360, height: 780 });
    // All of the choice can be reached on a phone, too.
    const edges = await conflict.getByRole('button', { name: /theirs$|^Keep both$/ }).all();
    expect(edges).toHaveLength(3);
    for (const button of edges) {
      const box = await button.boundingBox();
      expect(box === null ? -1 : box.x).toBeGreaterThan(0);
      expect(box === null ? 361 : box.x + box.width).toBeLessThan(360);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    expect(await visit.axe()).toEqual([]);
    expect((await current()).config).not.toContain('// mine');
    await conflict.getByRole('button', { name: 'Keep both' }).click();
    await page.getByRole('dialog', { name: 'Review the changes' }).getByRole('button', { name: 'Save' }).click();
    await page.getByText(/^Version \d+ is saved and holds/).waitFor();
    const { config } = await current();
    expect(config).toContain('\n// mine\n');
    expect(config).toContain('"capacity": "$300.00"');
    // The refusal that led here is what the browser itself writes of.
    expect(visit.problems().filter((each) => !each.includes('409'))).toEqual([]);
    await visit.close();
  });

  test('a config that is deployed from a file can be read and not written', async () => {
    const visit = await open('?tab=providers');
    const { page } = visit;
    await page.route('**/api/config', async (route) => {
      await route.fulfill({ json: { ...(await current()), read_only: true } });
    });
    await page.reload();
    await page.getByRole('tab', { name: 'Editor' }).click();
    await page.getByText('--config-readonly').waitFor();
    await typeLine(page, '// nothing comes of this');
    expect(await page.getByText('nothing comes of this').count()).toBe(0);
    expect(await page.getByRole('button', { name: 'Review and save' }).isDisabled()).toBe(true);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });
});

test('versions are listed as the API has them; one is looked at, and gone back to after a look at what will change', async () => {
  await save((text) => text.replace('"$12.00"', '"$13.00"').replace('"$10.00"', '"$12.00"'), 'a better day');
  const { items } = (await world.json(ADMIN, '/api/config/versions')) as {
    items: { number: number; author: string; note: string }[];
  };
  const visit = await open('?tab=versions');
  const { page } = visit;
  const rows = page.getByRole('table', { name: 'Versions of the config' }).locator('tbody tr');
  await rows.first().waitFor();
  expect(await rows.locator('[data-cell=note]').allInnerTexts()).toEqual(items.map(({ note }) => note));
  expect(await rows.locator('[data-cell=author]').allInnerTexts()).toEqual(items.map(({ author }) => author));

  const [newest, before] = items;
  await page.getByRole('link', { name: `Version ${newest?.number ?? 0}`, exact: true }).click();
  await page
    .getByLabel(`What version ${newest?.number ?? 0} changed`)
    .getByText('$12.00')
    .waitFor();
  expect(await page.getByRole('button', { name: 'Roll back to it' }).isDisabled()).toBe(true);
  await page.getByRole('link', { name: `Version ${before?.number ?? 0}`, exact: true }).click();
  await page.getByRole('radio', { name: 'From it to now' }).click();
  await page.getByRole('button', { name: 'Roll back to it' }).click();
  const dialog = page.getByRole('dialog', { name: `Roll back to version ${before?.number ?? 0}?` });
  await dialog.getByLabel('What will change').getByText('$10.00').waitFor();
  expect(await visit.axe()).toEqual([]);
  await dialog.getByRole('button', { name: 'Roll back' }).click();
  await page.getByRole('heading', { name: `Version ${(newest?.number ?? 0) + 1}` }).waitFor();
  const old = (await world.json(ADMIN, `/api/config/versions/${before?.number ?? 0}`)) as { config: string };
  expect((await current()).config).toBe(old.config);
  await isSound(visit);
});

test('providers are shown with their models, their state and where the key comes from, and no page has the key', async () => {
  const providers = (await world.json(ADMIN, '/api/providers')) as { id: string; models: string[] }[];
  const visit = await open('?tab=providers');
  const { page } = visit;
  await page.getByText('sealed in the gateway’s store').first().waitFor();
  for (const { id, models } of providers) {
    const text = await page.locator(`[data-row="${id}"]`).innerText();
    for (const model of models) expect(text).toContain(model);
    expect(text).toContain('in use');
    expect(text).toContain(world.simulator.url);
  }
  expect(await page.content()).not.toContain(KEY);
  await isSound(visit);
});

describe('grants', () => {
  test('are readable, and the explainer says yes or no as the gateway does, by which grant', async () => {
    const visit = await open('?tab=grants');
    const { page } = visit;
    const ofTeam = page.locator('[data-row="grants[3]"]');
    await ofTeam.waitFor();
    expect((await ofTeam.innerText()).replaceAll(/\s+/g, ' ')).toMatch(
      /group:research.*tag:ci.*anthropic\/\*.*charged to reserve.*through pii.*through review on pre_request.*prices.*bodies of exchanges/,
    );

    await page.getByLabel('Login', { exact: true }).fill(USER);
    await page.getByLabel('Model').fill(MODELS.chat);
    await page.getByRole('button', { name: 'Explain' }).click();
    const verdict = page.locator('[data-verdict]');
    await page.getByText(`daily:${USER}`).waitFor();
    const query = `login=${USER}&model=${MODELS.chat}`;
    const told = (await world.json(ADMIN, `/api/explain?${query}`)) as {
      grants: { id: string }[];
      model: { allowed: boolean; why: string };
    };
    expect(told.model.allowed).toBe(true);
    expect(await verdict.getAttribute('data-verdict')).toBe('allowed');
    expect(await verdict.innerText()).toContain(told.model.why);
    const marked = page.locator('[data-row][data-marked=true]');
    const names = (await marked.all()).map((row) => row.getAttribute('data-row'));
    expect(await Promise.all(names)).toEqual(told.grants.map(({ id }) => id));

    // By its tags a machine may use one provider's models, and not another's.
    await page.getByLabel('Login', { exact: true }).fill('');
    await page.getByLabel('Or tags of a device').fill('tag:ci');
    await page.getByRole('button', { name: 'Explain' }).click();
    await page.locator('[data-verdict=refused]').waitFor();
    expect(await page.locator('[data-state=stop]').innerText()).toContain('Does a grant allow it there?');
    expect(new URL(page.url()).searchParams.get('tags')).toBe('tag:ci');
    await isSound(visit);
  });

  test('nobody at all is refused at the first question', async () => {
    const visit = await open('?tab=grants&login=mallory@example.net');
    const verdict = visit.page.locator('[data-verdict=refused]');
    await verdict.waitFor();
    expect(await visit.page.locator('[data-state=stop]').count()).toBe(2);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });
});

test('a bucket has what the books say, is found by how its name begins, and is refilled', async () => {
  await world.exchange(USER, {
    path: '/v1/messages',
    headers: { 'anthropic-version': '2023-06-01' },
    body: { model: OPUS, max_tokens: 1000, messages: [{ role: 'user', content: 'What does lunch cost?' }] },
  });
  // Nothing flows back into this one: what is read twice is the same.
  const bucket = `opus:${USER}`;
  await charged(bucket);
  // Less than a request costs, so that a refill is seen.
  await world.pool.query('UPDATE aperture.quota_buckets SET balance = 2000000000 WHERE key = $1', [bucket]);

  const visit = await open('?tab=quotas');
  const { page } = visit;
  const row = page.locator(`[data-row="${bucket}"]`);
  await row.first().waitFor();
  const cell = (name: string) => row.first().locator(`[data-cell=${name}]`);
  const { rows } = await world.pool.query<{ capacity: string; balance: string }>(
    'SELECT capacity::bigint AS capacity, floor(balance)::bigint AS balance FROM aperture.quota_buckets WHERE key = $1',
    [bucket],
  );
  expect(nanodollars(await cell('balance').getAttribute('title'))).toBe(BigInt(rows[0]?.balance ?? -1));
  expect(nanodollars(await cell('capacity').getAttribute('title'))).toBe(BigInt(rows[0]?.capacity ?? -1));

  await page.getByLabel('Begins with').fill('nobody:');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByText('No such bucket').waitFor();
  await page.getByLabel('Begins with').fill('opus:gr');
  await page.getByRole('button', { name: 'Find' }).click();
  await page.getByRole('button', { name: `Refill ${bucket}` }).click();
  const dialog = page.getByRole('dialog', { name: 'Refill a bucket' });
  await dialog.getByLabel('Amount').fill('a lot');
  await dialog.getByText('an amount such as').waitFor();
  await dialog.getByLabel('Amount').fill('$3.00');
  await dialog.getByText('leaves $5.00').waitFor();
  expect(await visit.axe()).toEqual([]);
  await dialog.getByRole('button', { name: 'Refill', exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
  await cell('balance').getByText('$5.00').waitFor();
  const { rows: after } = await world.pool.query<{ balance: string }>(
    'SELECT floor(balance)::bigint AS balance FROM aperture.quota_buckets WHERE key = $1',
    [bucket],
  );
  expect(after[0]?.balance).toBe('5000000000');
  await isSound(visit);
});

/** Waits until the gateway has told the store of the charge. */
async function charged(bucket: string): Promise<void> {
  for (;;) {
    const { rowCount } = await world.pool.query(
      'SELECT FROM aperture.quota_buckets WHERE key = $1 AND balance < capacity',
      [bucket],
    );
    if (rowCount === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function nanodollars(shown: string | null): bigint {
  return BigInt((shown ?? '').replaceAll(/[$,.]/g, ''));
}

describe('hooks and rules', () => {
  test('are listed in their order with who attaches them, and one is tried on a text', async () => {
    const visit = await open('?tab=rules');
    const { page } = visit;
    const names = page.getByRole('list', { name: 'Hooks and rules' }).getByRole('heading', { level: 3 });
    await names.first().waitFor();
    expect(await names.allInnerTexts()).toEqual(['pii', 'projects', 'limits', 'review', 'unused']);
    expect(await page.locator('[data-row=pii]').innerText()).toContain('grants[2]');
    expect(await page.locator('[data-row=unused]').innerText()).toContain('no grant names it');

    await page.getByRole('button', { name: 'Try it: pii' }).click();
    await page.getByLabel('What somebody writes').fill('Mail ada@example.com and bob@example.com');
    await page.getByRole('button', { name: 'Try', exact: true }).click();
    const result = page.getByRole('region', { name: 'What came of it' });
    await result.getByText('Mail [redacted:email] and [redacted:email]').waitFor();
    expect(await result.locator('mark').allInnerTexts()).toEqual(['ada@example.com', 'bob@example.com']);
    expect(await result.locator('[data-row=pii] [data-cell=counts]').innerText()).toBe('email 2');
    // What is typed here is for nobody: it is in no address.
    expect(page.url()).not.toContain('ada');
    await isSound(visit);
  });

  test('all of them are tried on a whole body, hooks left out, and a refusal names its rule', async () => {
    const visit = await open('?tab=rules');
    const { page } = visit;
    await page.getByRole('radio', { name: 'A whole body' }).click();
    const body = page.getByLabel('Body of a request');
    await body.fill('{"model": "m", "messages": [{"role": "user", "content": "on Nightjar"}]');
    await page.getByText('a closing brace is missing').waitFor();
    expect(await page.getByRole('button', { name: 'Try', exact: true }).isDisabled()).toBe(true);
    await body.fill('{"model": "m", "messages": [{"role": "user", "content": "on Nightjar"}]}');
    await page.getByRole('button', { name: 'Try', exact: true }).click();
    await page.locator('[data-verdict=refused]').waitFor();
    expect(await page.locator('[data-verdict=refused]').innerText()).toMatch(/by projects with 403: .*Project names/s);
    await page.getByText('review was not tried').waitFor();
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('a rule that is being written is tried as it is, and what is wrong with it is said', async () => {
    const visit = await open('?tab=rules');
    const { page } = visit;
    await page.getByRole('radio', { name: 'Write one' }).click();
    await page.getByLabel('Rule (hooks').fill('{"kind": "words", "action": "flag", "words": ["heron"], /* birds */ }');
    await page.getByLabel('What somebody writes').fill('a heron');
    await page.getByRole('button', { name: 'Try', exact: true }).click();
    await page.locator('[data-verdict="goes on"]').waitFor();
    expect(await page.locator('mark').allInnerTexts()).toEqual(['heron']);
    await page.getByLabel('Rule (hooks').fill('{"kind": "words", "action": "sing", "words": ["heron"]}');
    await page.getByRole('button', { name: 'Try', exact: true }).click();
    await page.getByRole('alert').getByText('builtin').waitFor();
    expect(visit.problems().filter((each) => !each.includes('400'))).toEqual([]);
    await visit.close();
  });
});

test('no other page loads the editor, and every view fits a phone', async () => {
  const visit = await world.visit(ADMIN, '/ui/requests', { width: 360, height: 780 });
  const { page } = visit;
  const loaded = () => page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
  await page.getByRole('main').waitFor();
  expect((await loaded()).filter((name) => /editor|diff|configuration/.test(name))).toEqual([]);
  for (const tab of ['editor', 'versions', 'providers', 'grants', 'quotas', 'rules']) {
    await page.goto(`${world.gateway.url}/ui/configuration?tab=${tab}`);
    await page.getByRole('tabpanel').getByRole('heading').first().waitFor();
    expect(await page.evaluate('document.documentElement.scrollWidth'), tab).toBe(360);
  }
  expect(visit.problems()).toEqual([]);
  await visit.close();
});
