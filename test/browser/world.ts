import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Pool } from 'pg';
import { axeProblems } from './axe.ts';
import { launchBrowser } from './first-view.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { databaseUrl, startTestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { ADMIN, storeMonth, USER } from './organisation.ts';

export const MODELS = {
  chat: 'gpt-5-mini',
  messages: 'claude-haiku-4-5',
  gemini: 'gemini-2.5-flash',
} as const;

export interface BrowserWorld {
  gateway: TestGateway;
  pool: Pool;
  simulator: Simulator;
  browser: Browser;
  /** What the month was made of, oldest first. */
  month: ExchangeRecord[];
  /** A page of somebody's own browser; `look` is how wide and in which theme. Fails the test at `close` when anything went wrong in it. */
  visit(login: string, path: string, look?: Look): Promise<Visit>;
  /** A request to a model as somebody, whose record and capture are stored when this resolves. Answers its id. */
  exchange(login: string, options: ExchangeOptions): Promise<string>;
  /** What the API answers somebody. */
  json(login: string, path: string): Promise<unknown>;
  close(): Promise<void>;
}

export interface Look {
  width?: number;
  height?: number;
  theme?: 'light' | 'dark';
}

export interface ExchangeOptions {
  path: string;
  body: unknown;
  headers?: Record<string, string>;
  /** Settings of the simulator. */
  sim?: string;
}

export interface Visit {
  page: Page;
  context: BrowserContext;
  /** What axe finds against WCAG 2.2 AA, a line each; empty when all is well. */
  axe(): Promise<string[]>;
  /** Errors of the console, of scripts, of the policy and of requests so far. */
  problems(): string[];
  close(): Promise<void>;
}

export interface WorldOptions {
  /** How many records the month has; 0 for none. */
  records?: number;
  days?: number;
  /** Beside what there is: more of the config. */
  config?: Record<string, unknown>;
  grants?: unknown[];
  /** Beside those in front of the simulator. */
  providers?: Record<string, unknown>;
  /** More of `server`. */
  server?: Record<string, unknown>;
}

const DAY_MS = 86_400_000;

/** A gateway with a month of a company's use in its database, in front of the simulator, and a browser. */
export async function startWorld(name: string, options: WorldOptions = {}): Promise<BrowserWorld> {
  const [postgres, simulator, browser] = await Promise.all([
    startTestPostgres(name),
    startSimulator({ host: '127.0.0.1', port: 0 }),
    launchBrowser(),
  ]);
  const { pool, address } = await postgres.migrated();
  const { records = 3_000, days = 30 } = options;
  // Ends with yesterday, so that nothing of it changes while a test looks.
  const endMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const month = records === 0 ? [] : await storeMonth(pool, { records, days, seed: 20_261_128, endMs });
  const gateway = await startGateway({
    env: { DATABASE_URL: databaseUrl(address), APERTURE_LISTEN: '' },
    headers: { 'tailscale-user-login': ADMIN },
    config: configFor(simulator.url, options),
  });
  const as = (login: string) => ({ 'tailscale-user-login': login });
  const json = async (login: string, path: string): Promise<unknown> => {
    const response = await fetch(gateway.url + path, { headers: as(login) });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  return {
    gateway,
    pool,
    simulator,
    browser,
    month,
    json,
    visit: (login, path, look) => visit(browser, gateway.url, login, path, look),
    exchange: async (login, { path, body, headers = {}, sim = '' }) => {
      const response = await fetch(gateway.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-sim': sim, ...as(login), ...headers },
        body: JSON.stringify(body),
      });
      await response.arrayBuffer().catch(() => undefined);
      const id = response.headers.get('x-aperture-request-id') ?? '';
      await captured(pool, id);
      return id;
    },
    close: async () => {
      await browser.close();
      await gateway.stop();
      await Promise.all([simulator.close(), postgres.stop()]);
    },
  };
}

function captured(pool: Pool, id: string): Promise<boolean> {
  return until(
    `${id} is captured`,
    async () => {
      const { rowCount } = await pool.query(
        'SELECT FROM aperture.records AS record JOIN aperture.captures AS capture USING (id) WHERE record.id = $1',
        [id],
      );
      return rowCount === 1;
    },
    60_000,
  );
}

function configFor(url: string, { config = {}, grants = [], providers = {}, server = {} }: WorldOptions): unknown {
  const provider = { baseurl: url, apikey: 'sk-browser-test-0123456789' };
  return {
    providers: {
      openai: {
        ...provider,
        name: 'OpenAI',
        models: [MODELS.chat, 'gpt-5-codex', 'gpt-5.4'],
        compatibility: { openai_chat: true, openai_responses: true },
      },
      anthropic: {
        ...provider,
        name: 'Anthropic',
        authorization: 'x-api-key',
        models: [MODELS.messages, 'claude-sonnet-4-6', 'claude-opus-4-6'],
        compatibility: { openai_chat: false, anthropic_messages: true },
      },
      google: {
        ...provider,
        name: 'Google',
        authorization: 'x-goog-api-key',
        models: [MODELS.gemini, 'gemini-2.5-pro'],
        compatibility: { openai_chat: false, gemini_generate_content: true },
      },
      ...providers,
    },
    grants: [
      {
        src: [ADMIN],
        app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }, { models: '**' }, { read_metrics: true }] },
      },
      { src: [USER], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: '**' }] } },
      ...grants,
    ],
    server: {
      trusted_proxies: ['127.0.0.1'],
      listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }],
      ...server,
    },
    ...config,
  };
}

async function visit(browser: Browser, url: string, login: string, path: string, look: Look = {}): Promise<Visit> {
  const { width = 1440, height = 900, theme = 'light' } = look;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: 'reduce',
    timezoneId: 'UTC',
    locale: 'en-GB',
    extraHTTPHeaders: { 'tailscale-user-login': login },
  });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`script: ${error.message}`));
  page.on('request', (request) => {
    const to = request.url();
    if (!to.startsWith(url) && !to.startsWith('data:') && !to.startsWith('blob:'))
      problems.push(`left the gateway: ${to}`);
  });
  await page.goto(`${url}${path}`);
  return {
    page,
    context,
    axe: () => axeProblems(page),
    problems: () => problems,
    close: () => context.close(),
  };
}
