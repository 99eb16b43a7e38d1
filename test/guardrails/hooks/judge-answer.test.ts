import { expect, test } from 'vitest';
import type { Api } from '../../../src/contract/api.ts';
import type { HookRule, Wired } from '../../../src/contract/guardrail.ts';
import type { HookCall, HookOutcome } from '../../../src/guardrails/hooks/outcome.ts';
import { judgeAnswer, unjudgedAnswer } from '../../../src/guardrails/hooks/judge-answer.ts';
import type { AnswerJudged } from '../../../src/guardrails/hooks/judge-answer.ts';
import { compileRules } from '../../../src/guardrails/pipeline.ts';
import type { RuleSet } from '../../../src/guardrails/pipeline.ts';
import { FACTS, KEYS, hookRule, slice } from '../request/support.ts';

const ALL: Wired['send'] = ['response_body', 'raw_responses', 'tools'];
const wire = (name: string, send = ALL): Wired => ({ name, events: ['response'], send });
const CHAT = '{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}';

interface Options {
  api?: Api;
  type?: string;
  body?: string;
  wired?: Wired[];
  answer?: (name: string) => HookOutcome;
}

async function judged(set: RuleSet, options: Options): Promise<AnswerJudged & { asked: [string, HookCall][] }> {
  const { api = 'openai_chat', type = 'application/json', body = CHAT, wired = [wire('a')] } = options;
  const asked: [string, HookCall][] = [];
  const callHook = ({ name }: HookRule, _: unknown, call: HookCall): Promise<HookOutcome> => {
    asked.push([name, call]);
    return Promise.resolve(options.answer?.(name) ?? { kind: 'allow' });
  };
  const answer = {
    api,
    head: { status: 200, headers: new Map([['content-type', type]]) },
    body: new Uint8Array(Buffer.from(body)),
    requestBody: undefined,
    facts: FACTS,
    cost: undefined,
  };
  const { signal } = new AbortController();
  return { ...(await judgeAnswer(set, wired, answer, { callHook, nowMs: () => 5, signal })), asked };
}

const rules = (...hooks: HookRule[]): RuleSet => compileRules(slice(hooks), KEYS);

test('hooks go by descending preference, then by name; one that is asked elsewhere is not', async () => {
  const set = rules(
    hookRule('b'),
    hookRule('a'),
    hookRule('last', { preference: -1 }),
    hookRule('first', { preference: 9 }),
  );
  const before: Wired = { ...wire('b'), events: ['pre_request', 'entire_request'] };
  const { asked, verdicts } = await judged(set, { wired: [wire('last'), wire('a'), before, wire('first')] });
  expect(asked.map(([name]) => name)).toEqual(['first', 'a', 'last']);
  expect(verdicts.map(({ rule, side, action }) => [rule, side, action])).toEqual([
    ['first', 'response', 'allow'],
    ['a', 'response', 'allow'],
    ['last', 'response', 'allow'],
  ]);
});

test('a name that nothing has refuses, and nobody is asked', async () => {
  const { fault, asked } = await judged(rules(hookRule('a')), { wired: [wire('a'), wire('mistyped')] });
  expect([fault, asked]).toMatchObject([{ code: 'guardrail_unavailable', rule: 'mistyped' }, []]);
});

test('one that cannot be called obeys its fail_policy; one that is switched off is as if no grant named it', async () => {
  const slices = (failPolicy: 'fail_open' | 'fail_closed'): RuleSet =>
    compileRules(
      { ...slice([hookRule('a')]), disabled: ['off'], unusable: [{ name: 'no', failPolicy, why: 'no url' }] },
      KEYS,
    );
  const wired = [wire('off'), wire('no'), wire('a')];
  const open = await judged(slices('fail_open'), { wired });
  expect(open.verdicts.map(({ rule, action }) => [rule, action])).toEqual([
    ['no', 'error'],
    ['a', 'allow'],
  ]);
  expect((await judged(slices('fail_closed'), { wired })).fault).toMatchObject({ rule: 'no', why: 'no url' });
});

test('what cannot be read is a failure for a hook that judges by it, and for no other', async () => {
  const set = rules(hookRule('a', { failPolicy: 'fail_closed' }));
  const sound = { api: 'openai_speech' as const, type: 'audio/mpeg', body: '\u0001\u0002' };
  expect(await judged(set, sound)).toMatchObject({ fault: { code: 'guardrail_unavailable' }, asked: [] });
  const { fault, asked } = await judged(set, { ...sound, wired: [wire('a', ['request_body'])] });
  expect([fault, asked.length]).toEqual([undefined, 1]);
});

test('a stream that says that it is JSON is not taken for one without text', async () => {
  const set = rules(hookRule('a', { failPolicy: 'fail_closed' }));
  const { fault } = await judged(set, { body: `data: ${CHAT}\n\n`, wired: [wire('a', ['response_body'])] });
  expect(fault).toMatchObject({ code: 'guardrail_unavailable' });
});

test('plain text is told as a JSON string', async () => {
  const { asked } = await judged(rules(hookRule('a')), {
    api: 'openai_transcriptions',
    type: 'text/plain',
    body: 'a "tide"',
  });
  expect(asked[0]?.[1].answer?.post.responseBody).toBe('"a \\"tide\\""');
});

test('where nobody can be asked, the first that is fail_closed refuses', () => {
  const set = rules(hookRule('open'), hookRule('shut', { failPolicy: 'fail_closed' }));
  expect(unjudgedAnswer(set, [wire('open')], 'too long', 5)).toMatchObject({
    fault: undefined,
    verdicts: [{ rule: 'open', action: 'error', error: 'too long' }],
  });
  expect(unjudgedAnswer(set, [wire('open'), wire('shut')], 'too long', 5).fault).toMatchObject({ rule: 'shut' });
});
