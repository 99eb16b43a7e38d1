import { expect, test } from 'vitest';
import type { Model } from '../../../src/dashboard/app/api/models.ts';
import { formatsOf } from '../../../src/dashboard/app/api/models.ts';
import { matching, perMillion } from '../../../src/dashboard/app/pages/models/list.ts';

function model(id: string, provider: string, endpoints: string[]): Model {
  return {
    id,
    metadata: { provider: { id: provider, name: `The ${provider}`, description: '', requires_client_auth: false } },
    supported_endpoints: endpoints,
  };
}

const ALL = [
  model('gpt-5-mini', 'openai', ['/v1/chat/completions', '/v1/responses']),
  model('claude-haiku-4-5', 'anthropic', ['/v1/messages']),
  model('gemini-2.5-flash', 'google', ['/v1beta/models/{model}:generateContent']),
];
const found = (search: Parameters<typeof matching>[1]) => matching(ALL, search).map(({ id }) => id);

test('a search finds names, providers and formats by their parts, all words of it', () => {
  expect(found({})).toHaveLength(3);
  expect(found({ q: 'GPT mini' })).toEqual(['gpt-5-mini']);
  expect(found({ q: 'the anthropic' })).toEqual(['claude-haiku-4-5']);
  expect(found({ q: 'respons' })).toEqual(['gpt-5-mini']);
  expect(found({ q: 'gpt claude' })).toEqual([]);
  expect(found({ provider: 'google' })).toEqual(['gemini-2.5-flash']);
  expect(found({ format: 'messages' })).toEqual(['claude-haiku-4-5']);
  expect(found({ format: 'no such format' })).toEqual([]);
});

test('formats stand in one order, whatever the order of the paths; unknown paths are none', () => {
  expect(formatsOf({ supported_endpoints: ['/v1/chat/completions', '/v9/odd', '/v1/responses'] })).toEqual([
    'responses',
    'chat',
  ]);
});

test.each([
  ['0.00000300', '$3.00'],
  ['0.000003', '$3.00'],
  ['0.0000005', '$0.50'],
  ['0.000000075', '$0.075'],
  ['0.00000000000123', '$0.00000123'],
  ['1', '$1000000.00'],
  ['12.5', '$12500000.00'],
  ['0', '$0.00'],
  ['-1', undefined],
  ['3e-6', undefined],
  [undefined, undefined],
])('a price of %s a token is %s a million, exactly', (price, shown) => {
  expect(perMillion(price)).toBe(shown);
});
