import type { Pool } from 'pg';
import { summarize } from '../../bench/load/samples.ts';
import { auditKeyOf } from '../../src/audit/key.ts';
import type { ApiCaller } from '../../src/dashboard/messages.ts';
import type { ApiAnswer } from '../../src/dashboard/asked.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { silentLog } from '../../src/lib/log.ts';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { costOf, END_MS, exchangeOf } from './company.ts';
import type { Company, Exchange } from './company.ts';

const DAY_MS = 86_400_000;
const clock = { nowMs: () => END_MS };
const auditKey = auditKeyOf(new Uint8Array(32));

const ADMIN: ApiCaller = {
  login: 'root@example.com',
  role: 'admin',
  readCaptures: true,
  readAudit: true,
  filterableHeaders: [],
};
const USER: ApiCaller = { ...ADMIN, login: 'person-7@example.com', role: 'user' };

export async function ask(pool: Pool, path: string, caller: ApiCaller = ADMIN): Promise<ApiAnswer> {
  const [where = '', query = ''] = path.split('?');
  return answer({ pool, clock, log: silentLog, auditKey }, { method: 'GET', path: where, query, caller });
}

export async function json(pool: Pool, path: string, caller: ApiCaller = ADMIN): Promise<unknown> {
  const { status, body } = await ask(pool, path, caller);
  if (status !== 200 || typeof body !== 'string') throw new Error(`${path} answered ${status}: ${String(body)}`);
  return JSON.parse(body);
}

const at = (daysBack: number): string => new Date(END_MS - daysBack * DAY_MS).toISOString();
const month = `from=${at(30)}&to=${at(0)}`;

/** Every question of the API, with every filter; what matches much, little and nothing; first pages and deep ones. */
export function questions(request: string, session: string): string[] {
  const deep = uuid7Floor(END_MS - 27 * DAY_MS);
  const lists = {
    requests: [
      '',
      'login=person-3@example.com',
      'login=nobody@example.com',
      'model=model-3',
      'model=nothing',
      'provider=google',
      'provider=nothing',
      'api=openai_chat',
      'api=bedrock_converse',
      'state=complete',
      'state=denied',
      'state=blocked',
      'status=429',
      'status=418',
      `session=${session}`,
      `from=${at(20)}&to=${at(19)}`,
      'provider=google&status=429',
      'model=model-3&provider=azure',
      'login=person-3@example.com&provider=google',
      `model=model-3&state=error&from=${at(9)}`,
      'agent=curl',
      'agent=nothing',
      'member_of=group:team-3',
      'member_of=nothing',
      'tool=Bash',
      'tool=nothing',
      'min_cost_nanodollars=1000000',
      'min_cost_nanodollars=900000000',
      'rule=pii',
      'rule=pii&verdict=redact,tokenise&shadow=false&finding=email',
      'rule=limits&login=person-3@example.com',
      'rule=nothing',
      'verdict=block',
      'denial=any',
      'denial=grant',
      'denied_by=gateway_quota_exceeded&denial=quota',
      'denial=rule',
      'denial=other',
      `after=${uuid7Floor(END_MS - 2 * DAY_MS)}&agent=curl&status=200`,
    ],
    sessions: [
      '',
      'login=person-3@example.com',
      'agent=curl',
      'agent=nothing',
      'model=model-3',
      'model=nothing',
      'member_of=group:team-3',
      'tool=Bash',
      'tool=nothing',
      'min_cost_nanodollars=900000000',
      `from=${at(20)}&to=${at(19)}`,
    ],
    tools: [
      '',
      'login=person-3@example.com',
      'name=Bash',
      'name=nothing',
      'model=model-3',
      'agent=curl',
      'agent=nothing',
      `session=${session}`,
      `from=${at(20)}&to=${at(19)}`,
    ],
  };
  const pages = Object.entries(lists).flatMap(([list, filters]) =>
    filters.flatMap((filter) => [
      `/api/${list}?limit=100&${filter}`,
      `/api/${list}?limit=100&${filter}&before=${list === 'tools' ? `${deep}:1` : deep}`,
    ]),
  );
  const usage = ['login', 'group', 'node', 'model', 'provider', 'agent', 'api', 'status'].flatMap((group) => [
    `/api/usage?group=${group}`,
    `/api/usage?group=${group}&${month}`,
    `/api/usage?group=${group}&${month}&interval=day`,
    `/api/usage?group=${group}&${month}&interval=hour`,
  ]);
  const counts = ['name', 'login', 'model', 'agent'].flatMap((group) => [
    `/api/tools?group=${group}`,
    `/api/tools?group=${group}&interval=hour`,
  ]);
  return [
    ...pages,
    '/api/requests?limit=1000',
    `/api/requests/${request}`,
    `/api/requests/${request}/body?side=request`,
    `/api/sessions/${session}`,
    ...counts,
    ...usage,
    `/api/usage?${month}&interval=hour&agent=curl`,
    `/api/usage?${month}&member_of=group:team-3`,
    `/api/adoption?${month}`,
    ...['model', 'agent'].flatMap((group) => [
      `/api/activity?${month}&group=${group}`,
      `/api/activity?${month}&group=${group}&interval=day`,
      `/api/activity?${month}&group=${group}&login=person-3@example.com`,
    ]),
    `/api/quota-spend?${month}`,
    ...['rule', 'login', 'finding'].flatMap((group) => [
      `/api/verdicts?${month}&group=${group}`,
      `/api/verdicts?${month}&group=${group}&interval=day&shadow=false`,
    ]),
    ...['denial', 'login', 'model'].flatMap((group) => [
      `/api/denials?${month}&group=${group}`,
      `/api/denials?${month}&group=${group}&interval=day`,
    ]),
    '/api/destinations',
    '/api/audit?limit=100',
    '/api/audit?limit=100&action=config.saved&by=nobody@example.com',
    '/api/audit/state',
  ];
}

export interface Timed {
  path: string;
  role: string;
  status: number;
  medianMs: number;
  worstMs: number;
}

/** Asks each question as admin and as user; the first time finds nothing prepared for it. */
export async function timeQuestions(pool: Pool, paths: readonly string[], askTimes: number): Promise<Timed[]> {
  const timed: Timed[] = [];
  for (const caller of [ADMIN, USER]) {
    for (const path of paths) {
      const times: number[] = [];
      let status = 0;
      for (let time = 0; time < askTimes; time += 1) {
        const began = performance.now();
        ({ status } = await ask(pool, path, caller));
        times.push(performance.now() - began);
      }
      const { median, max } = summarize(Float64Array.from(times));
      timed.push({ path, role: caller.role, status, medianMs: median, worstMs: max });
    }
  }
  return timed;
}

export function table(timed: readonly Timed[]): string {
  const lines = [...timed]
    .sort((a, b) => b.worstMs - a.worstMs)
    .map(
      ({ path, role, status, medianMs, worstMs }) =>
        `${medianMs.toFixed(0).padStart(7)} ${worstMs.toFixed(0).padStart(7)}  ${status} ${role.padEnd(5)} ${path}`,
    );
  return [' median   worst ms', ...lines].join('\n');
}

/** Sums by hand, by what an exchange is about. */
export function sumsBy(
  company: Company,
  nameOf: (exchange: Exchange) => string,
): Map<string, { requests: number; output: number; cost: bigint }> {
  const sums = new Map<string, { requests: number; output: number; cost: bigint }>();
  for (let i = 0; i < company.records; i += 1) {
    const exchange = exchangeOf(i, company);
    const name = nameOf(exchange);
    const sum = sums.get(name) ?? { requests: 0, output: 0, cost: 0n };
    sums.set(name, sum);
    sum.requests += 1;
    sum.output += exchange.status === 200 ? exchange.output : 0;
    sum.cost += BigInt(costOf(exchange));
  }
  return sums;
}
