import { realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elsewhere } from '../../src/store/postgres-home.ts';
import { answering, built, ended, freePort, scratch, startNode, trusting, urlOf } from '../targets.ts';
import type { Target, Upstream } from '../targets.ts';

/** What of ours is on. Identity, grants, routing, the provider's key, inspection, records and metrics always are. */
const SETTINGS = {
  /** What a config can switch off is: captures, the journal ahead of the bytes, the disk's own word. */
  'ours, bare': {
    server: { journal: { mode: 'behind', fsync: 'none' } },
    database: { retention: { duration: '0' } },
    quotas: {},
    hooks: {},
  },
  /** Without captures. */
  'ours, governed': { server: {}, database: { retention: { duration: '0' } }, quotas: {}, hooks: {} },
  /** As a fresh checkout has it: headers and bodies are kept too. */
  'ours, captured': { server: {}, database: {}, quotas: {}, hooks: {} },
  /** Beside that, each request is charged in two budgets, which are far from empty. */
  'ours, quotas': {
    server: {},
    database: {},
    quotas: {
      'daily:<user>': { capacity: '$1000000', rate: '$1000/day' },
      org: { capacity: '$1000000', rate: '$1000/day' },
    },
    hooks: {},
  },
  /** Beside captures, one rule of every kind, on both sides where it has two. */
  'ours, rules': {
    server: {},
    database: {},
    quotas: {},
    hooks: {
      personal: { builtin: { kind: 'personal_data', action: 'tokenise', names: ['Ada Lovelace', 'Alan Turing'] } },
      secrets: { builtin: { kind: 'secrets', action: 'block' } },
      words: { builtin: { kind: 'words', action: 'block', words: ['project moonshot', 'codename heron'] } },
      patterns: {
        builtin: {
          kind: 'regex',
          action: 'redact',
          window: 16,
          patterns: [{ name: 'ticket', pattern: 'SECRET-[0-9]{4,8}' }],
        },
      },
      tools: { builtin: { kind: 'tool_policy', action: 'block', deny: ['shell_*'] } },
      bounds: { builtin: { kind: 'parameters', action: 'block', bounds: { temperature: { max: 2 } } } },
      size: { builtin: { kind: 'prompt_size', action: 'block', max_bytes: '64MiB' } },
    },
  },
} as const;
export type OursName = keyof typeof SETTINGS;

/** Gauges of what requests leave behind: all are 0 when their records and captures are stored. */
const WAITING = [
  'aperture_live_exchanges',
  'aperture_unsettled_exchanges',
  'aperture_exchanges_to_read',
  'aperture_records_waiting',
  'aperture_captures_waiting',
  'aperture_queue_jobs_waiting',
  'aperture_inspector_unread_bytes',
  'aperture_journal_pending_bytes',
];

export interface Ours extends Target {
  /** The first number of a metric, whatever its labels. Rejects when there is none. */
  metric(name: string): Promise<number>;
}

/** Ours in a process of its own with the embedded Postgres, on an upstream that serves `gpt-5-mini`. */
export async function startOurs(upstream: Upstream, name: OursName): Promise<Ours> {
  const port = await freePort();
  const folder = scratch();
  const config = join(folder, 'config.json');
  const { server, database, quotas, hooks } = SETTINGS[name];
  const send_hooks = Object.keys(hooks).map((hook) => ({ name: hook, events: ['pre_request'] }));
  const charged = Object.keys(quotas).map((bucket) => ({ bucket }));
  writeFileSync(
    config,
    JSON.stringify({
      providers: {
        provider: { baseurl: urlOf(upstream), apikey: 'sk-bench', models: ['gpt-5-mini'], cost_basis: 'openai' },
      },
      grants: [
        {
          src: ['(loopback)'],
          app: {
            'tailscale.com/cap/aperture': [
              { role: 'admin' },
              { models: '**', quotas: charged, send_hooks },
              { read_metrics: true },
            ],
          },
        },
      ],
      server: { inspectors: 1, ...server },
      database,
      quotas,
      hooks,
    }),
  );
  const child = startNode([built('src', 'main.js'), 'serve', '--no-simulator', '--config', config], {
    ...trusting(upstream),
    APERTURE_DATA_DIR: join(folder, 'data'),
    APERTURE_LISTEN: `127.0.0.1:${port}`,
    APERTURE_LOG_LEVEL: 'error',
  });
  await answering(port, '/healthz');
  const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return {
    name,
    port,
    pids: [child.pid ?? 0],
    async waiting() {
      const text = await metrics();
      return WAITING.map((each) => `${each} ${metricOf(text, each)}`).filter((line) => !line.endsWith(' 0'));
    },
    async metric(wanted) {
      return metricOf(await metrics(), wanted);
    },
    async stop() {
      await ended(child, 'SIGTERM');
      // As root the embedded cluster lives where its own user can reach it.
      rmSync(elsewhere(realpathSync(join(folder, 'data'))), { recursive: true, force: true });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function metricOf(text: string, name: string): number {
  const found = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1];
  if (found === undefined) throw new Error(`there is no metric ${name}`);
  return Number(found);
}

export function isOurs(target: Target): target is Ours {
  return 'metric' in target;
}
