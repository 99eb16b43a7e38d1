import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { firstRequest } from '../../../src/dashboard/app/api/first-request.ts';

/** What a shell makes of a command: its words, a line each. */
function words(command: string): string[] {
  return execFileSync('sh', ['-c', `curl() { for word in "$@"; do printf '%s\\n' "$word"; done; }\n${command}`])
    .toString()
    .trim()
    .split('\n');
}

test('the command asks a model that one may use, where it is to be had', () => {
  const claude = { id: 'claude-haiku-4-5', supported_endpoints: ['/v1/messages'] };
  const gpt = { id: 'gpt-5-mini', supported_endpoints: ['/v1/responses', '/v1/chat/completions'] };
  const [url, , , , body = ''] = words(firstRequest('http://aperture', [claude, gpt]));
  expect(url).toBe('http://aperture/v1/chat/completions');
  expect(JSON.parse(body)).toMatchObject({ model: 'gpt-5-mini', messages: [{ content: 'Hello' }] });
  const other = words(firstRequest('http://aperture', [claude]));
  expect(other[0]).toBe('http://aperture/v1/messages');
  expect(JSON.parse(other[4] ?? '')).toMatchObject({ model: 'claude-haiku-4-5', max_tokens: 200 });
  expect(words(firstRequest('http://aperture', []))[4]).toContain('"MODEL"');
});

test('a name that would end the quotes runs nothing', () => {
  const hostile = { id: `x'; touch /tmp/owned; echo '`, supported_endpoints: ['/v1/chat/completions'] };
  const said = words(firstRequest('http://aperture', [hostile]));
  expect(said).toHaveLength(5);
  expect(JSON.parse(said[4] ?? '')).toMatchObject({ model: hostile.id });
});
