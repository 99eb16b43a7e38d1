// `npm run screenshots [folder] [page ...]`: every page, or those whose name begins so, as wide as a desk and as a phone, light
// and dark, to be looked at.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../src/lib/package-root.ts';
import { AGENT_TURN } from './agent-turn.ts';
import { COMPANY } from './company-config.ts';
import { storeOperations } from './operations-records.ts';
import { ADMIN, USER } from './organisation.ts';
import { startWorld } from './world.ts';
import type { BrowserWorld, Look } from './world.ts';

const LOOKS: Record<string, Look> = {
  'desk-light': { width: 1440, height: 900, theme: 'light' },
  'desk-dark': { width: 1440, height: 900, theme: 'dark' },
  'phone-light': { width: 390, height: 844, theme: 'light' },
  'phone-dark': { width: 390, height: 844, theme: 'dark' },
};
/** Taller pictures are cut: what a page is like is seen by then. */
const MOST_PIXELS = 3_200;

const [, , , ...only] = process.argv;
const folder = process.argv[2] ?? join(packageRoot(), 'dist', 'screenshots');
mkdirSync(folder, { recursive: true });
const world = await startWorld('screenshots', { records: 6_000, ...COMPANY });
try {
  await storeOperations(world.pool, Math.floor(Date.now() / 86_400_000) * 86_400_000);
  for (const [name, { login, path }] of Object.entries(await pages(world))) {
    if (only.length > 0 && !only.some((each) => name.startsWith(each))) continue;
    for (const [look, how] of Object.entries(LOOKS)) await picture(`${name}-${look}`, login, path, how);
  }
} finally {
  await world.close();
}
console.log(`pictures are in ${folder}`);

async function pages({ month }: BrowserWorld): Promise<Record<string, { login: string; path: string }>> {
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
    guardrails: admin('guardrails?range=30d'),
    'guardrails-user': { login: USER, path: '/ui/guardrails?range=30d' },
    denials: admin('guardrails?range=30d&tab=denials'),
    audit: admin('audit'),
    deliveries: admin('deliveries'),
    'deliveries-s3': admin('deliveries?tab=s3'),
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

async function picture(name: string, login: string, path: string, look: Look): Promise<void> {
  const visit = await world.visit(login, path, look);
  await visit.page.waitForLoadState('networkidle');
  await visit.page.evaluate('document.fonts.ready');
  const whole = Number(await visit.page.evaluate('document.documentElement.scrollHeight'));
  const { width = 0, height = 0 } = look;
  await visit.page.setViewportSize({ width, height: Math.min(MOST_PIXELS, Math.max(height, whole)) });
  await visit.page.waitForTimeout(150);
  await visit.page.screenshot({ path: join(folder, `${name}.png`) });
  for (const problem of visit.problems()) console.log(`${name}: ${problem}`);
  await visit.close();
}
