import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Format, Model } from '../../../src/dashboard/app/api/models.ts';
import { FORMATS } from '../../../src/dashboard/app/api/models.ts';
import { ANY_KEY, CLIENTS, OWN_TOKEN } from '../../../src/dashboard/app/pages/set-up/clients.ts';
import { CLIENT_IDS } from '../../../src/dashboard/app/pages/set-up/search.ts';
import type { ClientId } from '../../../src/dashboard/app/pages/set-up/search.ts';

const ORIGIN = 'https://ai.example.ts.net';
/** What a provider's list may hold, and no shell, string or file may take for its own. */
const HOSTILE = `o'hare"; $(touch /tmp/x) \`id\` \\`;

function snippets(client: ClientId, id: string, format: Format, key = ANY_KEY) {
  const model: Model = {
    id,
    metadata: { provider: { id: 'p', name: 'P', description: '', requires_client_auth: false } },
    supported_endpoints: [FORMATS[format].path],
  };
  return CLIENTS[client].snippets({ origin: ORIGIN, model, format, key });
}

const every = CLIENT_IDS.flatMap((client) => CLIENTS[client].formats.map((format) => [client, format] as const));

test.each(every)('%s, in %s, is told the gateway’s address, the model and the key', (client, format) => {
  const text = snippets(client, 'gpt-5-mini', format, 'token-1')
    .map((snippet) => snippet.text)
    .join('\n');
  expect(text).toContain(ORIGIN);
  expect(text).toContain('gpt-5-mini');
  expect(text).toContain('token-1');
  expect(text).not.toContain(OWN_TOKEN);
});

test.each(every)('%s, in %s: what is JSON can be read, with a hostile name in its place', (client, format) => {
  for (const { place, text } of snippets(client, HOSTILE, format)) {
    if (!place.endsWith('.json')) continue;
    const read = JSON.stringify(JSON.parse(text));
    expect(read).toContain(JSON.stringify(HOSTILE).slice(1, -1));
  }
});

test('a shell is told the name as it is: nothing in it runs', () => {
  const [, session] = snippets('claude-code', HOSTILE, 'messages');
  const script = `claude() { printf '%s|%s|%s' "$1" "$2" "$ANTHROPIC_BASE_URL"; }\n${session?.text ?? ''}`;
  expect(execFileSync('bash', ['-c', script], { encoding: 'utf8' })).toBe(`--model|${HOSTILE}|${ORIGIN}`);
});

test('curl asks the path of the format that the model has, with a token where one is needed', () => {
  const script = (text: string) => `curl() { printf '%s\\n' "$@"; }\n${text}`;
  const asked = (format: Format, key?: string) => {
    const [command] = snippets('curl', HOSTILE, format, key);
    return execFileSync('bash', ['-c', script(command?.text ?? '')], { encoding: 'utf8' }).split('\n');
  };
  const messages = asked('messages', 'token-1');
  expect(messages[0]).toBe(`${ORIGIN}/v1/messages`);
  expect(messages).toContain('authorization: Bearer token-1');
  expect(JSON.parse(messages.at(-2) ?? '')).toMatchObject({ model: HOSTILE });
  expect(asked('chat')).not.toContain(`authorization: Bearer ${ANY_KEY}`);
});
