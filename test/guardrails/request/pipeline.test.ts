import { describe, expect, test } from 'vitest';
import type { BuiltinRule, Decided, Rule, TextBuiltin, Wired } from '../../../src/contract/guardrail.ts';
import type { TextDetector } from '../../../src/guardrails/detector.ts';
import type { CallHook, HookOutcome } from '../../../src/guardrails/hooks/outcome.ts';
import { compileRules, judgeRequest } from '../../../src/guardrails/pipeline.ts';
import type { RulesSlice } from '../../../src/contract/guardrail.ts';
import { bodyOf, bytesOf, FACTS, hookRule, KEYS, slice, wire, wordDetector, wordsRule } from './support.ts';

const BODY = bodyOf({ model: 'm', messages: [{ role: 'user', content: 'apple and pear' }] });

function detectorFor(builtin: TextBuiltin): TextDetector {
  if (builtin.kind !== 'words') throw new Error('only words here');
  return wordDetector(builtin.words);
}

interface Judged {
  decided: Decided;
  text: string;
  same: boolean;
  /** Of each hook that was asked: its name, and the body that it saw. */
  asked: [string, string][];
}

async function judge(
  rules: Rule[] | RulesSlice,
  wired: Wired[],
  more: {
    body?: Uint8Array<ArrayBuffer>;
    answer?: (name: string, body: string) => HookOutcome;
    detectorFor?: typeof detectorFor;
  } = {},
): Promise<Judged> {
  const asked: [string, string][] = [];
  const callHook: CallHook = (rule, _, call) => {
    const seen = Buffer.from(call.body ?? []).toString('utf8');
    asked.push([rule.name, seen]);
    return Promise.resolve(more.answer?.(rule.name, seen) ?? { kind: 'allow' });
  };
  const set = compileRules(Array.isArray(rules) ? slice(rules) : rules, KEYS, more.detectorFor ?? detectorFor);
  const given = more.body ?? BODY;
  const request = { api: 'openai_chat' as const, body: given, wired, facts: FACTS };
  const { decided, body } = await judgeRequest(set, request, { callHook, nowMs: () => 5 });
  return { decided, text: Buffer.from(body).toString('utf8'), same: body === given, asked };
}

const actions = ({ verdicts }: Decided): string[] => verdicts.map(({ rule, action }) => `${rule} ${action}`);

test('rules go by descending preference, then by name, and each sees what the one before left', async () => {
  const rules = [
    hookRule('b'),
    hookRule('a'),
    wordsRule('z', ['apple'], {}, { preference: 9 }),
    hookRule('first', { preference: 10 }),
    wordsRule('aa', ['pear', '[redacted:word] and'], {}, { preference: 0 }),
  ];
  const wired = ['b', 'aa', 'z', 'a', 'first'].map((name) => wire(name));
  const { decided, asked, text } = await judge(rules, wired);
  expect(actions(decided)).toEqual(['first allow', 'z redact', 'a allow', 'aa redact', 'b allow']);
  expect(asked.map(([name]) => name)).toEqual(['first', 'a', 'b']);
  expect(asked[0]?.[1]).toContain('apple and pear');
  expect(asked[1]?.[1]).toContain('"[redacted:word] and pear"');
  expect(asked[2]?.[1]).toContain('"[redacted:word] [redacted:word]"');
  expect(text).toBe(asked[2]?.[1]);
});

test('a body that no rule changed is the same, without fields', async () => {
  const { decided, same } = await judge([wordsRule('w', ['plum']), hookRule('h')], [wire('w'), wire('h')]);
  expect(same).toBe(true);
  expect(decided).toMatchObject({ fault: undefined, fields: undefined, placeholders: [] });
  expect(actions(decided)).toEqual(['h allow', 'w allow']);
});

test('a changed body comes with its fields, and with what stands for what', async () => {
  const rule = wordsRule('w', ['apple'], { action: 'tokenise' });
  const { decided, text } = await judge([rule], [wire('w')]);
  const [[placeholder, value] = ['', '']] = decided.placeholders;
  expect(value).toBe('apple');
  expect(text).toContain(`"${placeholder} and pear"`);
  expect(decided.fields?.model).toBe('m');
  const span = decided.fields?.spans['messages'];
  expect(JSON.parse(text.slice(span?.valueStart, span?.valueEnd))).toEqual([
    { role: 'user', content: `${placeholder} and pear` },
  ]);
  // The same in another turn and another process.
  const again = await judge([rule], [wire('w')]);
  expect(again.text).toBe(text);
});

test('a block ends the chain, with the rule’s own words, and nothing of earlier edits goes out', async () => {
  const rules = [
    wordsRule('t', ['apple'], { action: 'tokenise' }, { preference: 3 }),
    wordsRule('stop', ['pear'], { action: 'block', statusCode: 418, message: 'no pears' }, { preference: 2 }),
    hookRule('h'),
  ];
  const { decided, same, asked } = await judge(rules, [wire('t'), wire('stop'), wire('h')]);
  expect(decided.fault).toEqual({
    code: 'guardrail_blocked',
    rule: 'stop',
    side: 'request',
    status: 418,
    message: 'no pears',
  });
  expect(actions(decided)).toEqual(['t tokenise', 'stop block']);
  expect({ same, asked, fields: decided.fields, placeholders: decided.placeholders }).toEqual({
    same: true,
    asked: [],
    fields: undefined,
    placeholders: [],
  });
  expect(JSON.stringify(decided.verdicts)).not.toContain('pear');
});

describe('hooks', () => {
  test('are asked only for the event before a request', async () => {
    const { asked, decided } = await judge(
      [hookRule('h')],
      [wire('h', ['entire_request', 'tool_call_entire_request'])],
    );
    expect({ asked, verdicts: decided.verdicts }).toEqual({ asked: [], verdicts: [] });
  });

  test('named by two grants are asked once', async () => {
    const { asked } = await judge([hookRule('h')], [wire('h', ['entire_request']), wire('h'), wire('h')]);
    expect(asked).toHaveLength(1);
  });

  test('block in their own words', async () => {
    const answer = (): HookOutcome => ({ kind: 'block', status: 451, message: 'not here' });
    const { decided } = await judge([hookRule('h')], [wire('h')], { answer });
    expect(decided.fault).toEqual({
      code: 'guardrail_blocked',
      rule: 'h',
      side: 'request',
      status: 451,
      message: 'not here',
    });
    expect(decided.verdicts).toMatchObject([
      { rule: 'h', type: 'hook', side: 'request', action: 'block', scanned_chars: null, at_ms: 5 },
    ]);
  });

  test('replace the body, and the next one sees it', async () => {
    const changed = '{"model":"other","messages":[]}';
    const answer = (name: string): HookOutcome =>
      name === 'a' ? { kind: 'modify', body: bytesOf(changed) } : { kind: 'allow' };
    const { decided, text, asked } = await judge([hookRule('a'), hookRule('b')], [wire('a'), wire('b')], { answer });
    expect(actions(decided)).toEqual(['a modify', 'b allow']);
    expect(asked[1]?.[1]).toBe(changed);
    expect(text).toBe(changed);
    expect(decided.fields?.model).toBe('other');
  });

  test('that give back the same bytes have changed nothing', async () => {
    const answer = (_: string, body: string): HookOutcome => ({ kind: 'modify', body: bytesOf(body) });
    const { decided, same } = await judge([hookRule('a')], [wire('a')], { answer });
    expect({ same, fields: decided.fields }).toEqual({ same: true, fields: undefined });
  });

  test.each<[string, HookOutcome]>([
    ['failed', { kind: 'failed', why: 'no answer within 500 ms' }],
    ['gave no JSON', { kind: 'modify', body: bytesOf('{"model":') }],
    ['gave a key twice', { kind: 'modify', body: bytesOf('{"model":"m","x":{"a":1,"a":2}}') }],
    ['gave a model that is no text', { kind: 'modify', body: bytesOf('{"model":7}') }],
  ])('one that %s obeys its fail_policy', async (_, outcome) => {
    const answer = (name: string): HookOutcome => (name === 'a' ? outcome : { kind: 'allow' });
    const open = await judge([hookRule('a'), hookRule('b')], [wire('a'), wire('b')], { answer });
    expect(actions(open.decided)).toEqual(['a error', 'b allow']);
    expect(open.same).toBe(true);
    const closed = await judge([hookRule('a', { failPolicy: 'fail_closed' }), hookRule('b')], [wire('a'), wire('b')], {
      answer,
    });
    expect(actions(closed.decided)).toEqual(['a error']);
    expect(closed.decided.fault).toMatchObject({ code: 'guardrail_unavailable', rule: 'a' });
    expect(closed.decided.verdicts[0]?.error).toBeTruthy();
  });
});

describe('a name that a grant has and no rule', () => {
  test('refuses, and nobody is asked', async () => {
    const { decided, asked } = await judge([hookRule('h')], [wire('h'), wire('hh')]);
    expect(decided.fault).toMatchObject({ code: 'guardrail_unavailable', rule: 'hh' });
    expect(actions(decided)).toEqual(['hh error']);
    expect(asked).toEqual([]);
  });

  test('is no mistake where the rule is switched off', async () => {
    const { decided } = await judge(slice([], ['off']), [wire('off')]);
    expect(decided).toMatchObject({ fault: undefined, verdicts: [] });
  });

  test('of a hook that cannot be called obeys its fail_policy', async () => {
    const unusable = (failPolicy: 'fail_open' | 'fail_closed'): RulesSlice =>
      Object.assign(slice([]), { unusable: [{ name: 'u', failPolicy, why: 'its url is none' }] });
    const closed = await judge(unusable('fail_closed'), [wire('u')]);
    expect(closed.decided.fault).toEqual({ code: 'guardrail_unavailable', rule: 'u', why: 'its url is none' });
    const open = await judge(unusable('fail_open'), [wire('u')]);
    expect(open.decided.fault).toBeUndefined();
    expect(actions(open.decided)).toEqual(['u error']);
    const after = await judge(unusable('fail_closed'), [wire('u', ['entire_request'])]);
    expect(after.decided).toMatchObject({ fault: undefined, verdicts: [] });
  });

  test('refuses before anything is sent where it would be asked about the answer; what lets pass says so then', async () => {
    const named = await judge([hookRule('h')], [wire('h'), wire('hh', ['response'])]);
    expect(named.decided.fault).toMatchObject({ code: 'guardrail_unavailable', rule: 'hh' });
    expect(named.asked).toEqual([]);
    const unusable = (failPolicy: 'fail_open' | 'fail_closed'): RulesSlice =>
      Object.assign(slice([]), { unusable: [{ name: 'u', failPolicy, why: 'its url is none' }] });
    const closed = await judge(unusable('fail_closed'), [wire('u', ['response'])]);
    expect(closed.decided.fault).toMatchObject({ rule: 'u', why: 'its url is none' });
    const open = await judge(unusable('fail_open'), [wire('u', ['response'])]);
    expect(open.decided).toMatchObject({ fault: undefined, verdicts: [] });
    // One that is asked about answers alone has no say before.
    expect((await judge([hookRule('h')], [wire('h', ['response'])])).asked).toEqual([]);
  });
});

describe('built-in rules', () => {
  test('look at the sides that they name, whatever the events', async () => {
    const response = wordsRule('r', ['apple'], { sides: ['response'], action: 'block' });
    const request = wordsRule('q', ['apple'], { sides: ['request'], action: 'flag' });
    const { decided } = await judge([response, request], [wire('r', []), wire('q', ['entire_request'])]);
    expect(actions(decided)).toEqual(['q flag']);
    expect(decided.fault).toBeUndefined();
  });

  test('in shadow change and refuse nothing, and say what they would have done', async () => {
    const rules: BuiltinRule[] = [
      wordsRule('a', ['apple'], { action: 'block', shadow: true }),
      wordsRule('b', ['apple'], { action: 'redact', shadow: true }),
      {
        ...wordsRule('c', []),
        builtin: {
          ...wordsRule('c', []).builtin,
          kind: 'prompt_size',
          action: 'block',
          maxBytes: 1,
          maxMessages: 0,
          shadow: true,
        },
      },
    ];
    const { decided, same } = await judge(rules, [wire('a'), wire('b'), wire('c')]);
    expect(same).toBe(true);
    expect(decided.fault).toBeUndefined();
    expect(decided.verdicts).toMatchObject([
      { rule: 'a', action: 'block', shadow: true, counts: { word: 1 } },
      { rule: 'b', action: 'redact', shadow: true, counts: { word: 1 } },
      { rule: 'c', type: 'prompt_size', action: 'block', shadow: true, counts: { max_bytes: 1, max_messages: 1 } },
    ]);
  });

  test('of tools and parameters refuse in their own words', async () => {
    const base = wordsRule('p', []);
    const {
      kind: _kind,
      action: _action,
      thinking: _thinking,
      words: _words,
      ...common
    } = { ...base.builtin, kind: 'x', action: 'x', thinking: false, words: [] };
    const parameters: BuiltinRule = {
      ...base,
      builtin: { ...common, kind: 'parameters', action: 'block', bounds: { temperature: { max: 1 } } },
    };
    const hot = bodyOf({ model: 'm', temperature: 2 });
    const refused = await judge([parameters], [wire('p')], { body: hot });
    expect(refused.decided.fault).toMatchObject({ code: 'guardrail_blocked', rule: 'p', status: 403 });
    expect(refused.decided.verdicts).toMatchObject([
      { type: 'parameters', action: 'block', counts: { temperature: 1 }, scanned: ['parameters'] },
    ]);
    const tools: BuiltinRule = {
      ...base,
      builtin: { ...common, kind: 'tool_policy', action: 'flag', allow: undefined, deny: ['rm'], arguments: {} },
    };
    const offering = bodyOf({ model: 'm', tools: [{ type: 'function', function: { name: 'rm' } }] });
    const flagged = await judge([tools], [wire('p')], { body: offering });
    expect(flagged.decided.fault).toBeUndefined();
    expect(flagged.decided.verdicts).toMatchObject([
      { type: 'tool_policy', action: 'flag', counts: { rm: 1 }, scanned: ['tools'] },
    ]);
  });

  test('that throw obey their fail_policy, and no verdict quotes the error', async () => {
    const broken = (): TextDetector => ({
      find: () => {
        throw new TypeError('cannot read apple');
      },
    });
    const closed = await judge([wordsRule('w', ['x'])], [wire('w')], { detectorFor: broken });
    expect(closed.decided.fault).toMatchObject({ code: 'guardrail_unavailable', rule: 'w' });
    const open = await judge([wordsRule('w', ['x'], {}, { failPolicy: 'fail_open' })], [wire('w')], {
      detectorFor: broken,
    });
    expect(open.decided.fault).toBeUndefined();
    const shadow = await judge([wordsRule('w', ['x'], { shadow: true })], [wire('w')], { detectorFor: broken });
    expect(shadow.decided.fault).toBeUndefined();
    for (const { decided } of [closed, open, shadow]) {
      expect(actions(decided)).toEqual(['w error']);
      expect(JSON.stringify(decided)).not.toContain('apple');
    }
  });

  test('a find in a key refuses what was to be redacted, and the verdict says why', async () => {
    const body = bodyOf({ model: 'm', unheard_of: { apple: 1 } });
    const { decided } = await judge([wordsRule('w', ['apple'])], [wire('w')], { body });
    expect(decided.fault).toMatchObject({ code: 'guardrail_blocked', rule: 'w' });
    expect(decided.verdicts).toMatchObject([{ action: 'block', error: expect.stringContaining('key') }]);
  });
});

describe('a key that stands twice, at any depth', () => {
  const body = bytesOf('{"model":"m","messages":[{"role":"user","content":"a","content":"apple"}]}');

  test.each<[string, Rule, Wired]>([
    ['a built-in rule', wordsRule('w', ['plum']), wire('w', [])],
    ['a rule on responses', wordsRule('w', ['plum'], { sides: ['response'] }), wire('w', [])],
    ['a hook', hookRule('w'), wire('w')],
  ])('is refused with %s in force', async (_, rule, wired) => {
    const { decided, asked } = await judge([rule], [wired], { body });
    expect(decided.fault).toMatchObject({ code: 'body_duplicate_key', key: 'content' });
    expect(asked).toEqual([]);
  });

  test('passes with none, also where one is in shadow or only told afterwards', async () => {
    expect((await judge([], [], { body })).decided.fault).toBeUndefined();
    expect((await judge([hookRule('h')], [wire('h', ['entire_request'])], { body })).decided.fault).toBeUndefined();
    const shadow = await judge([wordsRule('w', ['apple'], { shadow: true })], [wire('w')], { body });
    expect(shadow.decided.fault).toBeUndefined();
    expect(actions(shadow.decided)).toEqual(['w error']);
  });
});

test('a schema or a pattern that cannot be used is told when rules are compiled', () => {
  const builtin = {
    ...wordsRule('w', []).builtin,
    kind: 'tool_policy' as const,
    action: 'block' as const,
    allow: undefined,
    deny: [],
    arguments: { f: { pattern: 'a' } },
  };
  expect(() => compileRules(slice([{ ...wordsRule('w', []), builtin }]), KEYS, detectorFor)).toThrow('pattern');
});
