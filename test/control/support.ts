import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Caller } from '../../src/contract/caller.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Log } from '../../src/lib/log.ts';
import type { ToldByControl } from '../../src/serve/control-messages.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { runControl } from '../../workers/run-control.ts';
import type { Control } from '../../workers/run-control.ts';
import type { ControlData } from '../../workers/thread-data.ts';
import type { Loaded } from '../../config/load.ts';
import { until } from '../support/until.ts';

export type State = Extract<ToldByControl, { kind: 'state' }>;
export type Failure = Extract<ToldByControl, { kind: 'failed' }>;

export const ALICE: Caller = {
  login: 'alice@example.com',
  nodeId: 'n1',
  nodeName: 'laptop',
  tags: [],
  groups: ['group:eng'],
  source: 'loopback',
  capabilities: {},
};

/** Loopback callers are admins. */
export const ADMINS = {
  src: ['(loopback)'],
  app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }, { models: '**' }] },
};

export function aConfig(more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    providers: { a: { baseurl: 'https://a.example', models: ['m'], auth_mode: 'none' } },
    grants: [ADMINS],
    ...more,
  });
}

export interface AnswerOf {
  status: number;
  body: Record<string, unknown>;
}

/** A keeper of control state, both ends in this thread. */
export interface TestControl {
  control: Control;
  file: string;
  dataDir: string;
  states: State[];
  failures: Failure[];
  lines: string[];
  /** The state that was told last. */
  state(): State;
  /** The config that was told last: what runs. */
  running(): Loaded;
  ask(method: string, path: string, body?: unknown, caller?: Caller): Promise<AnswerOf>;
  /** A save upon what holds now. */
  save(config: string, more?: Record<string, unknown>): Promise<AnswerOf>;
  close(): Promise<void>;
}

export interface TestControlOptions {
  database?: DatabaseAddress | undefined;
  truth?: 'file' | 'table';
  text?: string;
  dataDir?: string;
  secretKey?: Uint8Array<ArrayBuffer>;
  readonly?: boolean;
  env?: Record<string, string>;
}

export const SECRET_KEY = new Uint8Array(32).fill(9);

export function startControl(options: TestControlOptions): TestControl {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'aperture-test-control-'));
  const file = join(dataDir, 'config.hujson');
  if (options.text !== undefined) writeFileSync(file, options.text);
  const states: State[] = [];
  const failures: Failure[] = [];
  const lines: string[] = [];
  const answers = new Map<number, AnswerOf>();
  const line = (fields: Record<string, unknown>, message: string): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  const log: Log = { debug: line, info: line, warn: line, error: line };
  const data: ControlData = {
    database: options.database,
    logLevel: 'debug',
    dataDir,
    secretKey: options.secretKey ?? SECRET_KEY,
    truth: options.truth ?? 'table',
    readonly: options.readonly ?? false,
    file,
  };
  const control = runControl({
    data,
    env: options.env ?? {},
    clock: systemClock,
    log,
    post: (message) => {
      if (message.kind === 'state') states.push(message);
      if (message.kind === 'failed') failures.push(message);
      if (message.kind === 'answer') {
        const text = new TextDecoder().decode(message.body);
        const body = JSON.parse(text === '' ? '{}' : text) as Record<string, unknown>;
        answers.set(message.ask, { status: message.status, body });
      }
    },
  });
  let asks = 0;
  const ask: TestControl['ask'] = (method, path, body, caller = ALICE) => {
    const number = ++asks;
    const [bare = '', query = ''] = path.split('?');
    control.take({
      kind: 'ask',
      ask: number,
      request: {
        method,
        path: bare,
        query,
        body: new Uint8Array(Buffer.from(body === undefined ? '' : JSON.stringify(body))),
        caller,
        role: 'admin',
      },
    });
    return until(`an answer to ${method} ${path}`, () => answers.get(number));
  };
  const state = (): State => {
    const last = states.at(-1);
    if (last === undefined) throw new Error(`no state yet; ${JSON.stringify(failures)} ${lines.join('\n')}`);
    return last;
  };
  let closed: Promise<void> | undefined;
  return {
    control,
    close: () => (closed ??= control.close()),
    file,
    dataDir,
    states,
    failures,
    lines,
    state,
    running: () => {
      const loaded = states.findLast((told) => told.loaded !== null)?.loaded;
      if (loaded === undefined || loaded === null) throw new Error('no config yet');
      return loaded;
    },
    ask,
    save: async (config, more = {}) => {
      const { body } = await ask('GET', '/api/config');
      return ask('PUT', '/api/config', { config, hash: body['hash'], ...more });
    },
  };
}

/** Waits until it runs a config and has asked the store. */
export async function ready(control: TestControl): Promise<TestControl> {
  await until(
    'control state is known and stored',
    () => {
      const [failure] = control.failures;
      if (failure !== undefined) throw new Error(JSON.stringify(failure));
      return (control.states.at(-1)?.snapshot.version ?? 0) > 0;
    },
    60_000,
  );
  return control;
}

/** A provider with a key, as an admin writes it. */
export function keyed(
  apikey: string,
  baseurl = 'https://api.anthropic.com',
  more: Record<string, unknown> = {},
): string {
  return aConfig({ providers: { anthropic: { baseurl, apikey, models: ['m'], ...more } } });
}

export function errorsOf({ errors }: Record<string, unknown>): { path: string; message: string; line: number }[] {
  return errors as ReturnType<typeof errorsOf>;
}
