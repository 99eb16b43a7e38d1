import { describe, expect, test } from 'vitest';
import type { HookRule, PostFacts, PostHook, Rule, TextAction } from '../../../src/contract/guardrail.ts';
import type { HookCall, HookOutcome } from '../../../src/guardrails/hooks/outcome.ts';
import { PostCall } from '../../../src/guardrails/hooks/post-call.ts';
import { compileRules, judgeRequest } from '../../../src/guardrails/pipeline.ts';
import { newId, sampleOpened } from '../../journal/support.ts';
import { bytesOf, FACTS, hookRule, KEYS, slice, wire, wordDetector, wordsRule } from './support.ts';

const TOLD: Omit<PostHook, 'name'> = {
  events: ['entire_request'],
  send: ['request_body', 'user_message', 'response_body'],
  tailnet: 'example.com',
  grants: null,
  quotas: null,
};
const POST_FACTS: PostFacts = {
  session_base: 's',
  cost_nanodollars: null,
  cost_basis: null,
  usage: null,
  server_tools: {},
  tool_calls: [],
};
const TYPE = 'multipart/form-data; boundary=b';
const field = (name: string, value: string, more = ''): string =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const form = (...parts: string[]): string => `${parts.join('')}--b--\r\n`;
const SOUND = field('file', 'heron heron', '; filename="talk.wav"\r\nContent-Type: audio/wav');

async function judge(
  body: string,
  rules: Rule[],
  answer: HookOutcome = { kind: 'allow' },
): Promise<{
  text: string;
  fault: string | undefined;
  verdicts: unknown[];
  seen: unknown[];
  model: string | undefined;
}> {
  const seen: unknown[] = [];
  const set = compileRules(slice(rules), KEYS, () => wordDetector(['heron']));
  const wired = rules.map(({ name }) => wire(name));
  const request = { api: 'openai_transcriptions' as const, body: bytesOf(body), form: TYPE, wired, facts: FACTS };
  const callHook = (_: HookRule, __: unknown, call: HookCall): Promise<HookOutcome> => {
    seen.push(JSON.parse(Buffer.from(call.body ?? []).toString()));
    return Promise.resolve(answer);
  };
  const { decided, body: sent } = await judgeRequest(set, request, { callHook, nowMs: () => 5 });
  return {
    text: Buffer.from(sent).toString(),
    fault: decided.fault?.code,
    verdicts: decided.verdicts.map(({ action, counts, error }) => ({ action, counts, error })),
    seen,
    model: decided.fields?.model,
  };
}

const words = (action: TextAction): Rule => wordsRule('words', ['heron'], { action });

test('a text of a form is replaced where it stands, and nothing else', async () => {
  const prompt = 'é "the heron" 😀 heron\\n';
  const { text, verdicts, model } = await judge(form(field('model', 'm'), field('prompt', prompt), SOUND), [
    words('redact'),
  ]);
  const redacted = 'é "the [redacted:word]" 😀 [redacted:word]\\n';
  expect(text).toBe(form(field('model', 'm'), field('prompt', redacted), SOUND));
  expect(verdicts).toEqual([{ action: 'redact', counts: { word: 2 }, error: null }]);
  expect(model).toBe('m');
});

describe('every text of a form is read', () => {
  test.each([
    ['a field that nobody knows', field('zzz', 'a heron')],
    ['a list', field('zzz[]', 'a heron')],
    ['the name of a file', field('file', 'x', '; filename="heron.wav"')],
    ['its other name', field('file', 'x', `; filename*=UTF-8''heron.wav`)],
  ])('%s', async (_, part) => {
    expect(await judge(form(field('model', 'm'), part), [words('block')])).toMatchObject({
      fault: 'guardrail_blocked',
    });
  });

  test.each([
    ['the model', [field('model', 'heron')]],
    ['a sound', [field('model', 'm'), SOUND]],
    ['a sound as an address', [field('known_speaker_references[]', 'data:audio/wav;base64,heron')]],
  ])('but %s', async (_, parts) => {
    expect(await judge(form(...parts), [words('block')])).toMatchObject({ fault: undefined });
  });
});

test('parameters are those of its fields', async () => {
  const rule = (bounds: object): Rule => ({
    type: 'builtin',
    name: 'bounds',
    preference: 0,
    failPolicy: 'fail_closed',
    builtin: {
      kind: 'parameters',
      action: 'block',
      sides: ['request'],
      shadow: false,
      message: 'no',
      statusCode: 403,
      bounds: { temperature: bounds },
    },
  });
  const body = form(field('model', 'm'), field('temperature', '0.8'));
  expect(await judge(body, [rule({ max: 0.5 })])).toMatchObject({ fault: 'guardrail_blocked' });
  expect(await judge(body, [rule({ max: 0.8 })])).toMatchObject({ fault: undefined });
});

test('a hook is told of it as JSON, and cannot change it', async () => {
  const body = form(field('model', 'm'), field('prompt', 'names'), SOUND);
  const view = { model: 'm', prompt: 'names', file: { filename: 'talk.wav', content_type: 'audio/wav', bytes: 11 } };
  expect(await judge(body, [hookRule('h')])).toMatchObject({ seen: [view], fault: undefined, text: body });
  const modify: HookOutcome = { kind: 'modify', body: bytesOf('{"model":"other"}') };
  expect(await judge(body, [hookRule('h', { failPolicy: 'fail_closed' })], modify)).toMatchObject({
    fault: 'guardrail_unavailable',
  });
  expect(await judge(body, [hookRule('h', { failPolicy: 'fail_open' })], modify)).toMatchObject({
    fault: undefined,
    text: body,
    verdicts: [{ action: 'error', error: 'a hook cannot change a form' }],
  });
});

test('a hook that is told afterwards is told the same', async () => {
  const call = new PostCall();
  const hook: PostHook = { ...TOLD, name: 'h' };
  const headers: [string, string][] = [['content-type', TYPE]];
  const opened = { ...sampleOpened(newId()), api: 'openai_images' as const, request_headers: headers, hooks: [hook] };
  call.add({ kind: 'opened', opened });
  const body = form(field('prompt', 'a hat'), field('image[]', 'PNG', '; filename="a.png"'));
  call.add({ kind: 'request', bytes: Buffer.from(body) });
  call.add({ kind: 'head', status: 200, headers: [['content-type', 'application/json']] });
  call.add({ kind: 'response', bytes: Buffer.from('{"created":1,"data":[]}') });
  const told: unknown[] = [];
  for await (const each of call.calls(POST_FACTS)) told.push(JSON.parse(Buffer.from(each.body).toString()));
  expect(told).toMatchObject([
    {
      request_body: { prompt: 'a hat', image: [{ filename: 'a.png', content_type: null, bytes: 3 }] },
      user_message: 'a hat',
      response_body: { created: 1, data: [] },
    },
  ]);
});

test('a form that could be read in two ways is refused', async () => {
  const body = form(field('model', 'm'), field('prompt', 'a'), field('prompt', 'heron'));
  expect(await judge(body, [words('redact')])).toMatchObject({ fault: 'body_bad_field' });
});
