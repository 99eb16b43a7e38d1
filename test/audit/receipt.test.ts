import { expect, test } from 'vitest';
import { canonicalJson } from '../../src/audit/canonical.ts';
import { isGenuine, signReceipt } from '../../src/audit/receipt.ts';
import { receiptOf } from '../../src/dashboard/receipt.ts';
import { KEY, NOW, OTHER_KEY } from './support.ts';

const RECORD = {
  id: '01a21165-a078-7000-a3fd-ace57e2122b2',
  received_at: '2026-11-28T12:00:00.000000Z',
  first_byte_at: null,
  ended_at: '2026-11-28T12:00:01.000000Z',
  login: 'alice@example.com',
  node_id: 'n1',
  provider: 'openai',
  key_id: 'k1',
  model: 'gpt-5-mini',
  model_served: null,
  api: 'openai_chat',
  method: 'POST',
  path: '/v1/chat/completions',
  status: 200,
  state: 'complete',
  config_version: 'abc',
  edits: [] as { kind: string; side: string; detail: string }[],
  verdicts: [],
  usage: { output: 7 },
  usage_flags: [] as string[],
  cost_nanodollars: '17',
  price_version: null,
  request_sha256: 'aa' as string | null,
  response_sha256: 'bb' as string | null,
};

function passedOf(change: Partial<typeof RECORD>): Record<string, string | null> {
  const { request, response } = receiptOf({ ...RECORD, ...change }, undefined, NOW);
  return {
    from_client: request.from_client.sha256,
    to_provider: request.to_provider.sha256,
    from_provider: response.from_provider.sha256,
    to_client: response.to_client.sha256,
    kept: response.kept.sha256,
  };
}

const edit = (side: string, kind: string, detail = '') => ({ edits: [{ side, kind, detail }] });
const ALL = { from_client: 'aa', to_provider: 'aa', from_provider: 'bb', to_client: 'bb', kept: 'bb' };
const NONE = { from_client: null, to_provider: null, from_provider: null, to_client: null, kept: null };

test.each([
  ['nothing was changed', {}, ALL],
  ['the request was edited', edit('request', 'inject_usage'), { ...ALL, from_client: null }],
  ['an event was taken out for the client', edit('response', 'drop_usage_event'), { ...ALL, to_client: null }],
  [
    'values were put back',
    edit('response', 'rule', 'values in the place of placeholders'),
    { ...ALL, to_client: null },
  ],
  ['a rule redacted the response', edit('response', 'rule', 'pii: redact'), { ...ALL, from_provider: null }],
  ['a rule refused the response', { state: 'blocked' }, { ...ALL, from_provider: null, to_client: null }],
  ['the client left', { state: 'aborted' }, { ...ALL, to_client: null }],
  ['nothing was sent', { state: 'denied', request_sha256: null, response_sha256: null }, NONE],
  ['the journal has holes', { usage_flags: ['journal_frames_missing'] }, NONE],
])('a receipt claims no hash that nobody knows: %s', (_, change, passed) => {
  expect(passedOf(change)).toEqual(passed);
});

test('a receipt with any member changed, added or taken away is none', () => {
  const receipt = signReceipt(receiptOf(RECORD, undefined, NOW), KEY);
  expect(isGenuine({ ...receipt }, KEY)).toBe(true);
  expect(isGenuine({ ...receipt }, OTHER_KEY)).toBe(false);
  // In another order it says the same.
  expect(isGenuine(Object.fromEntries(Object.entries(receipt).reverse()), KEY)).toBe(true);
  for (const name of Object.keys(receipt)) {
    expect(isGenuine({ ...receipt, [name]: 'x' }, KEY), name).toBe(false);
    const { [name]: _gone, ...rest } = { ...receipt } as Record<string, unknown>;
    expect(isGenuine(rest, KEY), name).toBe(false);
  }
  expect(isGenuine({ ...receipt, more: 1 }, KEY)).toBe(false);
  expect(isGenuine({ ...receipt, usage: { output: 8 } }, KEY)).toBe(false);
  expect(isGenuine({ ...receipt, edits: [{ kind: 'rule', side: 'request', detail: '' }] }, KEY)).toBe(false);
});

test('JSON that says the same has the same text', () => {
  const text = '{"a":[1,{"b":null,"c":"é"}],"d":true}';
  expect(canonicalJson({ d: true, a: [1, { c: 'é', b: null }], left: undefined })).toBe(text);
  expect(canonicalJson(JSON.parse('{"d": true, "a": [1, {"c": "\\u00e9", "b": null}]}'))).toBe(text);
});
