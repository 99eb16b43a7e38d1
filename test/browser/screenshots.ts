// `npm run screenshots [folder] [page ...]`: every page, or those whose name begins so, as wide as a desk, a large screen and a
// phone, light and dark, to be looked at.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import type { Page } from 'playwright-core';
import { systemClock } from '../../src/lib/clock.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { bury } from '../../src/store/dead-letters.ts';
import { aRecord } from '../support/records.ts';
import { AGENT_TURN } from './agent-turn.ts';
import { COMPANY } from './company-config.ts';
import { storeOperations } from './operations-records.ts';
import { ADMIN, USER } from './organisation.ts';
import { startWorld } from './world.ts';
import type { BrowserWorld, Look } from './world.ts';

const LOOKS: Record<string, Look> = {
  'desk-light': { width: 1280, height: 800, theme: 'light' },
  'desk-dark': { width: 1280, height: 800, theme: 'dark' },
  'wide-light': { width: 1920, height: 1080, theme: 'light' },
  'wide-dark': { width: 1920, height: 1080, theme: 'dark' },
  'phone-light': { width: 360, height: 800, theme: 'light' },
  'phone-dark': { width: 360, height: 800, theme: 'dark' },
};
/** Taller pictures are cut: what a page is like is seen by then. */
const MOST_PIXELS = 3_200;

const [, , , ...only] = process.argv;
const folder = process.argv[2] ?? join(packageRoot(), 'dist', 'screenshots');
mkdirSync(folder, { recursive: true });
const world = await startWorld('screenshots', { records: 6_000, ...COMPANY });
try {
  await storeOperations(world.pool, Math.floor(Date.now() / 86_400_000) * 86_400_000);
  await storeLetters(world.pool);
  for (const [name, shown] of Object.entries(await pages(world))) {
    if (only.length > 0 && !only.some((each) => name.startsWith(each))) continue;
    for (const [look, how] of Object.entries(LOOKS)) await picture(`${name}-${look}`, shown, how);
  }
} finally {
  await world.close();
}
console.log(`pictures are in ${folder}`);

interface Shown {
  login: string;
  path: string;
  /** What is done there before the picture is taken. */
  prepare?: (page: Page) => Promise<void>;
}

async function pages({ month }: BrowserWorld): Promise<Record<string, Shown>> {
  const request = await conversation();
  const longest = month
    .map(({ session_id }) => session_id)
    .find((id, _, all) => all.filter((other) => other === id).length > 10);
  const admin = (path: string) => ({ login: ADMIN, path: `/ui/${path}` });
  return {
    overview: admin('?range=30d'),
    'overview-user': { login: USER, path: '/ui/?range=30d' },
    sessions: admin('sessions?range=30d'),
    session: admin(`sessions/${longest ?? ''}`),
    requests: admin('requests?range=30d'),
    request: admin(`requests/${request}`),
    'request-stream': admin(`requests/${request}?tab=stream`),
    'request-timing': admin(`requests/${request}?tab=timing`),
    'request-record': admin(`requests/${request}?tab=record`),
    compare: admin(`compare?a=${request}&b=${await conversation(' Then stop.')}`),
    tools: admin('tools?range=30d'),
    activity: admin('activity'),
    'activity-closer': admin('activity?measure=first_byte&name=claude-sonnet-4-6'),
    'activity-user': { login: USER, path: '/ui/activity?by=agent' },
    playground: { ...admin('playground?model=claude-haiku-4-5'), prepare: talk },
    'playground-empty': admin('playground'),
    guardrails: admin('guardrails?range=30d'),
    'guardrails-user': { login: USER, path: '/ui/guardrails?range=30d' },
    denials: admin('guardrails?range=30d&tab=denials'),
    audit: admin('audit'),
    deliveries: admin('deliveries'),
    'deliveries-s3': admin('deliveries?tab=s3'),
    'dead-letters': admin('deliveries?tab=letters'),
    'dead-letter': { ...admin('deliveries?tab=letters'), prepare: openFirst },
    models: admin('models'),
    'set-up': admin('set-up'),
    adoption: admin('adoption'),
    'access-tokens': admin('access?tab=tokens'),
    'configuration-editor': admin('configuration'),
    'configuration-providers': admin('configuration?tab=providers'),
    'configuration-grants': admin('configuration?tab=grants'),
    'configuration-quotas': admin('configuration?tab=quotas'),
    'configuration-rules': admin('configuration?tab=rules'),
  };
}

/** A coding agent's turn: what was said before, a call and its result. */
function conversation(more = ''): Promise<string> {
  return world.exchange(ADMIN, {
    path: '/v1/messages',
    headers: { 'anthropic-version': '2023-06-01', 'user-agent': 'claude-cli/2.1.4 (external, cli)' },
    sim: 'events=40;pace=15ms;reasoning=60;input=900;cached=14000;output=180',
    body: { ...AGENT_TURN, system: AGENT_TURN.system + more },
  });
}

/** A talk that goes well, and one that does not. */
async function talk(page: Page): Promise<void> {
  const turns = [
    'How do I list files by size? [[sim:events=60;input=420;output=130]]',
    'And by age? [[sim:events=24;input=610;output=60;reasoning=40]]',
    'Once more [[sim:status=529;error=overloaded_error;message=Overloaded]]',
  ];
  for (const [at, turn] of turns.entries()) {
    await page.getByLabel('Your turn').fill(turn);
    await page.getByLabel('Your turn').press('Enter');
    await page.locator('li[data-state=done], li[data-state=failed]').nth(at).waitFor();
  }
  await page.getByRole('link', { name: 'Recorded request' }).nth(2).waitFor({ timeout: 60_000 });
}

async function openFirst(page: Page): Promise<void> {
  await page
    .getByRole('button', { name: /^Show / })
    .first()
    .click();
  await page.getByRole('dialog').getByRole('figure').waitFor();
}

async function storeLetters(pool: Pool): Promise<void> {
  for (let at = 0; at < 6; at += 1) {
    const record = aRecord();
    await bury(pool, systemClock, {
      kind: at % 3 === 2 ? 'job' : 'record',
      subject: at % 3 === 2 ? 'records' : record.id,
      error:
        at % 3 === 2
          ? 'this build knows no job "records.v9"'
          : 'value "9999999999999999999" is out of range for type bigint',
      body: { ...record, at },
    });
  }
}

async function picture(name: string, { login, path, prepare }: Shown, look: Look): Promise<void> {
  const visit = await world.visit(login, path, look);
  await visit.page.waitForLoadState('networkidle');
  await prepare?.(visit.page);
  await visit.page.evaluate('document.fonts.ready');
  const whole = Number(await visit.page.evaluate('document.documentElement.scrollHeight'));
  const { width = 0, height = 0 } = look;
  await visit.page.setViewportSize({ width, height: Math.min(MOST_PIXELS, Math.max(height, whole)) });
  await visit.page.waitForTimeout(150);
  await visit.page.screenshot({ path: join(folder, `${name}.png`) });
  for (const problem of visit.problems()) console.log(`${name}: ${problem}`);
  await visit.close();
}
