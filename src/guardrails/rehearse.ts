import type { HookOutcome } from './hooks/outcome.ts';
import { judgeRequest } from './pipeline.ts';
import type { RuleSet } from './pipeline.ts';

/** Prose, numbers, a path and code: what finders have to look at, and nothing that they find. */
const TEXT =
  'Please look at the function below, which came with release 2.14.3 and is called 1,200 times a minute: it reads rows from ' +
  '/var/lib/app/data.db, and order 100-4482 came out as 17.50 instead of 71.05. ' +
  'const total = rows.filter((row) => row.state !== "done").reduce((sum, { amount }) => sum + Number(amount), 0); // 0x1f4a';
const BODY = new Uint8Array(Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: TEXT }] })));
const FACTS = {
  login: '',
  nodeId: '',
  tailnet: '',
  userAgent: '',
  path: '',
  model: '',
  provider: '',
  requestId: '',
  sessionId: '',
  grants: {},
  quotas: {},
};
const NOT_CALLED: HookOutcome = { kind: 'failed', why: 'a rehearsal calls no hook' };

/**
 * Runs all built-in rules of a set on a few words of nobody's. What a thread that has slept for some milliseconds judges takes it
 * thrice as long as what it judges next, so this is done while the request that it waits for is still being read.
 */
export async function rehearse(set: RuleSet, nowMs: () => number): Promise<void> {
  const wired = [...set.rules.values()].flatMap(({ type, name }) =>
    type === 'hook' ? [] : [{ name, events: [], send: [] }],
  );
  const request = { api: 'openai_chat', body: BODY, wired, facts: FACTS } as const;
  await judgeRequest(set, request, { callHook: () => Promise.resolve(NOT_CALLED), nowMs });
}
