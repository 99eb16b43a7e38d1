import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { answerGuardrailsTest } from '../../src/admin/guardrails.ts';
import type { RuleEngine } from '../../src/admin/rule-trial.ts';
import type { Rule, RulesSlice, Verdict } from '../../src/contract/guardrail.ts';
import type { AdminQuestion } from '../../src/contract/question.ts';
import { ruleId } from '../../src/contract/ids.ts';
import { createRulesDesk, guardrailsTest } from '../../src/serve/guardrails-test.ts';
import type { GuardrailsTestOptions } from '../../src/serve/guardrails-test.ts';
import { loadConfig } from '../../config/load.ts';
import type { Loaded } from '../../config/load.ts';
import { rulesOf } from '../../config/rules.ts';
import { aCaller } from '../support/caller.ts';

function configOf(hooks: Record<string, unknown>): Loaded {
  const loaded = loadConfig({ text: JSON.stringify({ hooks }), file: 'test.hujson', env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.fault));
  return loaded.value;
}

const words = (action: string, word: string, more: object = {}) => ({
  builtin: { kind: 'words', action, words: [word], ...more },
});

const HOOKS = {
  redacting: words('redact', 'nightjar'),
  stand_in: words('tokenise', 'heron'),
  refusing: words('block', 'kestrel', { message: 'no birds of prey', status_code: 451 }),
  asking: { url: 'http://127.0.0.1:9/x', preference: 5 },
  sizes: { builtin: { kind: 'prompt_size', action: 'flag', max_messages: 1 } },
  off: { url: 'http://127.0.0.1:9/x', disabled: true },
  nowhere: { url: 'ftp://x' },
};

interface Call {
  side: 'request' | 'response';
  rules: string[];
  body: unknown;
  more: unknown;
}

/** In place of the pipeline: notes what it is asked, and answers what the test says. */
class Engine implements RuleEngine {
  readonly keys = { placeholder: new Uint8Array(32).fill(1), match: new Uint8Array(32).fill(2) };
  readonly calls: Call[] = [];
  verdicts: Verdict[] = [];
  refusedBy: string | undefined;
  replaced: unknown;

  judge: RuleEngine['judge'] = (rules, { body, ...more }) => {
    this.#note('request', rules, body, more);
    const decided = { verdicts: this.verdicts, fault: this.#fault('request'), fields: undefined, placeholders: [] };
    return Promise.resolve({ decided, body: this.#left(body) });
  };
  guard: RuleEngine['guard'] = (rules, { body, ...more }) => {
    this.#note('response', rules, body, more);
    return Promise.resolve({ sent: this.#left(body), refused: this.#fault('response'), verdicts: this.verdicts });
  };

  #note(side: Call['side'], rules: readonly Rule[], body: Uint8Array, more: unknown): void {
    const read: unknown = JSON.parse(new TextDecoder().decode(body));
    this.calls.push({ side, rules: rules.map(({ name }) => name), body: read, more });
  }
  #left(body: Uint8Array): Uint8Array {
    return this.replaced === undefined ? body : new TextEncoder().encode(JSON.stringify(this.replaced));
  }
  #fault(side: Call['side']) {
    if (this.refusedBy === undefined) return undefined;
    const rule = ruleId(this.refusedBy);
    return { code: 'guardrail_blocked' as const, rule, side, status: 451, message: 'no birds of prey' };
  }
}

let engine: Engine;
beforeEach(() => {
  engine = new Engine();
});

const slice: RulesSlice = rulesOf(configOf(HOOKS).config);

async function ask(
  wish: unknown,
  { role = 'admin', method = 'POST', path = '/api/guardrails/test' }: Partial<Omit<AdminQuestion, 'body'>> = {},
) {
  const body = new TextEncoder().encode(typeof wish === 'string' ? wish : JSON.stringify(wish));
  const caller = aCaller({ login: 'root@example.com' });
  const desk = createRulesDesk(() => slice, engine);
  const answer = await answerGuardrailsTest(desk, { method, path, query: '', body, caller, role });
  const read: Record<string, unknown> = JSON.parse(answer.body);
  return { status: answer.status, body: read };
}

describe('POST /api/guardrails/test', () => {
  test('is for admins, and takes a question', async () => {
    expect((await ask({ text: 'x' }, { role: 'user' })).status).toBe(403);
    expect((await ask({ text: 'x' }, { method: 'GET' })).status).toBe(405);
    expect(engine.calls).toEqual([]);
  });

  test.each([
    [{}, 'give "text" or "body"'],
    [{ text: 'x', body: {} }, 'give "text" or "body"'],
    [{ text: 'x', hook: 'redacting', hooks: ['redacting'] }, 'give one of'],
    [{ text: 'x', hook: 'redacting', builtin: {} }, 'give one of'],
    [{ text: 'x', hook: 'typo' }, 'parameter hook: there is no "typo" in the config'],
    [{ text: 'x', hooks: ['redacting', 'off'] }, 'parameter hooks: "off" is switched off'],
    [{ text: 'x', hook: 'nowhere' }, 'parameter hook: "nowhere" cannot be called: its url must be an http'],
    [{ text: 'x', hooks: [] }, 'parameter hooks: is empty'],
    [{ text: 'x', side: 'both' }, 'parameter side: must be request or response'],
    [{ text: 'x', api: 'openai_embeddings' }, 'parameter api: must be one of openai_chat'],
    [{ body: 'x' }, 'parameter body: must be a JSON object'],
    [{ text: 'x', colour: 1 }, 'colour'],
    ['{', 'parameter body: is not JSON'],
    [{ text: 'x', builtin: { kind: 'pii' } }, 'parameter builtin.kind: "pii" is not one of personal_data'],
    [
      { text: 'x', builtin: { kind: 'words', words: ['x'], action: 'redact', thinking: true } },
      'parameter builtin.thinking: cannot be true',
    ],
    [{ text: 'x', builtin: 7 }, 'parameter builtin: cannot unmarshal number'],
  ])('refuses %j and says why', async (wish, why) => {
    const answer = await ask(wish);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body).replaceAll('\\"', '"')).toContain(why);
    expect(engine.calls).toEqual([]);
  });

  test('takes 256 KiB and no more', async () => {
    const around = JSON.stringify({ text: '' }).length;
    expect((await ask({ text: 'x'.repeat(256 * 1024 - around) })).status).toBe(200);
    expect((await ask({ text: 'x'.repeat(256 * 1024 - around + 1) })).status).toBe(413);
  });

  test('reads a text with the rules that are named, and shows what would go on', async () => {
    const { status, body } = await ask({ hooks: ['stand_in', 'redacting'], text: 'a nightjar and a heron' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ side: 'request', api: 'openai_chat', refused: null, body: null, not_run: [] });
    const [text] = Texts.parse(body['texts']);
    expect(text).toMatchObject({ where: 'text', characters: 22 });
    expect(text?.finds).toEqual([
      { rule: 'redacting', kind: 'word', start: 2, end: 10 },
      { rule: 'stand_in', kind: 'word', start: 17, end: 22 },
    ]);
    expect(text?.goes_on).toMatch(/^a \[redacted:word\] and a WORD_[0-9a-f]{16}$/);
    expect(text?.kept).toBe(text?.goes_on);
    expect(engine.calls).toMatchObject([
      {
        side: 'request',
        rules: ['redacting', 'stand_in'],
        body: { messages: [{ role: 'user', content: 'a nightjar and a heron' }] },
        more: { api: 'openai_chat', facts: { login: 'root@example.com', path: '/v1/chat/completions' } },
      },
    ]);
  });

  test('of a response the client gets the value back, and the journal keeps the placeholder', async () => {
    const { body } = await ask({ hook: 'stand_in', side: 'response', api: 'anthropic_messages', text: 'a heron' });
    const [text] = Texts.parse(body['texts']);
    expect(text?.goes_on).toBe('a heron');
    expect(text?.kept).toMatch(/^a WORD_[0-9a-f]{16}$/);
    expect(engine.calls).toMatchObject([
      { side: 'response', rules: ['stand_in'], body: { content: [{ type: 'text', text: 'a heron' }] } },
    ]);
  });

  test('says who refuses and with what, and that nothing goes on', async () => {
    engine.refusedBy = 'refusing';
    const { body } = await ask({ hook: 'refusing', text: 'a kestrel' });
    expect(body['refused']).toMatchObject({ rule: 'refusing', code: 'gateway_guardrail_blocked', status: 451 });
    expect(Texts.parse(body['texts'])).toMatchObject([{ goes_on: null, kept: null, finds: [{ start: 2, end: 9 }] }]);
  });

  test('a whole body comes back as it would go on, with where in it something was found', async () => {
    engine.replaced = { model: 'm', messages: [] };
    const asked = {
      model: 'nightjar',
      messages: [
        { role: 'system', content: 'be kind' },
        { role: 'user', content: [{ type: 'text', text: 'nightjar' }] },
      ],
    };
    const { body } = await ask({ hook: 'redacting', body: asked });
    expect(body['body']).toEqual({ model: 'm', messages: [] });
    expect(Texts.parse(body['texts']).map(({ where }) => where)).toEqual(['messages[1].content[0].text']);
    expect(engine.calls).toMatchObject([{ body: asked, more: { facts: { model: 'nightjar' } } }]);
  });

  test('runs all rules in force where none is named, and says which it did not run', async () => {
    const { body } = await ask({ text: 'x' });
    expect(engine.calls[0]?.rules).toEqual(['redacting', 'refusing', 'stand_in']);
    expect(body['not_run']).toEqual([
      { name: 'asking', why: 'an external hook is called only with "call_hooks"' },
      { name: 'sizes', why: 'a rule of the kind prompt_size looks at a body' },
    ]);
    await ask({ text: 'x', call_hooks: true });
    expect(engine.calls[1]?.rules).toEqual(['asking', 'redacting', 'refusing', 'stand_in']);
    await ask({ body: { messages: [] }, side: 'response' });
    expect(engine.calls[2]?.rules).toEqual(['redacting', 'refusing', 'stand_in']);
  });

  test('tries a rule that no config has', async () => {
    const { body } = await ask({ ...words('redact', 'owl'), text: 'an owl' });
    expect(Texts.parse(body['texts'])[0]?.goes_on).toBe('an [redacted:word]');
    expect(engine.calls[0]?.rules).toEqual(['builtin']);
  });

  test('tells verdicts with their time as RFC 3339', async () => {
    const verdict: Verdict = {
      rule: 'redacting',
      type: 'words',
      side: 'request',
      action: 'redact',
      shadow: false,
      at_ms: Date.parse('2026-11-28T12:00:00.250Z'),
      took_ms: 1,
      scanned_chars: 8,
      scanned: ['user'],
      counts: { word: 1 },
      matches: ['0123456789abcdef'],
      untouched: 0,
      error: null,
    };
    engine.verdicts = [verdict];
    const { at_ms: _, ...rest } = verdict;
    const { body } = await ask({ hook: 'redacting', text: 'nightjar' });
    expect(body['verdicts']).toEqual([{ ...rest, at: '2026-11-28T12:00:00.250Z' }]);
  });
});

const Texts = z.array(
  z.object({
    where: z.string(),
    characters: z.number(),
    finds: z.array(z.unknown()),
    goes_on: z.string().nullable(),
    kept: z.string().nullable(),
  }),
);

describe('aperture guardrails test --config', () => {
  const config = configOf({ redacting: words('redact', 'nightjar'), refusing: words('block', 'kestrel') });

  async function run(more: Partial<GuardrailsTestOptions>): Promise<{ code: number; said: string }> {
    const lines: string[] = [];
    const options = { url: 'http://127.0.0.1:1', hook: [], callHooks: false, json: false, ...more };
    const code = await guardrailsTest(options, config, (text) => lines.push(text));
    return { code, said: lines.join('\n') };
  }

  test('shows what was found and what would go on', async () => {
    const { code, said } = await run({ text: 'a nightjar' });
    expect(code).toBe(0);
    expect(said).toMatch(/^redacting +words +redact +1 word /m);
    expect(said).toMatch(/^redacting +word +text +2 +10$/m);
    expect(said).toMatch(/^ {2}a \[redacted:word\]$/m);
  });

  test('exits with 2 when it would be refused', async () => {
    const { code, said } = await run({ text: 'a kestrel' });
    expect(code).toBe(2);
    expect(said).toContain('The request would be refused by refusing with 403');
  });

  test('exits with 0 and says so when nothing was found', async () => {
    const { code, said } = await run({ text: 'a wren', side: 'response', api: 'gemini_generate_content' });
    expect(code).toBe(0);
    expect(said).toContain('The response would go on as it is.');
  });

  test.each<[Partial<GuardrailsTestOptions>, string]>([
    [{}, 'give --text or --file'],
    [{ text: 'x', file: 'y' }, 'give --text or --file'],
    [{ file: 'test/no-such-file.json' }, 'the file test/no-such-file.json cannot be read'],
    [{ file: 'README.md' }, 'the file README.md is not JSON'],
    [{ text: 'x', builtin: '{' }, '--builtin is not JSON'],
    [{ text: 'x', hook: ['typo'] }, 'there is no "typo" in the config'],
    [{ text: 'x', side: 'both' }, 'must be request or response'],
  ])('exits with 1 for %j', async (more, why) => {
    const { code, said } = await run(more);
    expect(code).toBe(1);
    expect(said).toContain(why);
  });
});
