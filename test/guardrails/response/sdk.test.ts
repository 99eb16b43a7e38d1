import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { expect, test } from 'vitest';
import { openGuard } from '../../../src/guardrails/response/guard.ts';
import { strides } from '../../protocols/fixtures.ts';
import { DIALECTS } from './dialects.ts';
import type { Dialect } from './dialects.ts';
import { SECRET, knownPlaceholders, wordDetector, wordRule } from './support.ts';

/** The official SDKs read what comes out of the guard, as it comes. */
async function served<T>(dialect: Dialect, body: Buffer, ask: (origin: string) => Promise<T>): Promise<T> {
  const server = createServer((_, response) => {
    const guard = openGuard({
      api: dialect.api,
      head: { status: 200, headers: new Map([['content-type', dialect.contentType]]) },
      rules: [wordRule()],
      detectors: () => wordDetector([SECRET]),
      judgeToolCall: () => undefined,
      placeholders: knownPlaceholders([['NAME_00112233445566aa', VALUE]]),
      matchKey: Buffer.from('match key'),
      nowMs: () => 0,
    });
    response.writeHead(200, { 'content-type': dialect.contentType });
    const releases = [...strides(body, 37, 11).map((chunk) => guard.push(chunk)), guard.end('complete')];
    for (const { kept, sent } of releases) for (const part of sent ?? kept) response.write(part);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = addressOf(server.address());
  try {
    return await ask(`http://127.0.0.1:${port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return address;
}

const VALUE = 'Zoë "the"\nboss';
const PIECES = ['Write to ali', 'ce@exa', 'mple.com and NAME_0011', '2233445566aa', ' today.'];
const TEXT = `Write to [redacted:word] and ${VALUE} today.`;
const ARGUMENTS = ['{"to":"alice@', 'exam', 'ple.com","who":"NAME_001122', '33445566aa"}'];
const CALL = { to: '[redacted:word]', who: VALUE };

const [CHAT, RESPONSES, MESSAGES, GEMINI] = DIALECTS;

function bodies(dialect: Dialect | undefined): { dialect: Dialect; text: Buffer; call: Buffer } {
  if (dialect === undefined) throw new Error('no such dialect');
  return { dialect, text: dialect.text(PIECES), call: dialect.call?.(ARGUMENTS) ?? Buffer.alloc(0) };
}

const user = (content: string): { role: 'user'; content: string }[] => [{ role: 'user', content }];
const openai = (origin: string): OpenAI => new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'key', maxRetries: 0 });
const anthropic = (origin: string): Anthropic => new Anthropic({ baseURL: origin, apiKey: 'key', maxRetries: 0 });

test('OpenAI chat', async () => {
  const { dialect, text, call } = bodies(CHAT);
  const ask = (origin: string) =>
    openai(origin)
      .chat.completions.stream({ model: 'gpt-5-mini', messages: user('hello') })
      .finalChatCompletion();
  const answer = await served(dialect, text, ask);
  expect(answer.choices[0]?.message.content).toBe(TEXT);
  expect(answer.choices[0]?.finish_reason).toBe('stop');
  const [made] = (await served(dialect, call, ask)).choices[0]?.message.tool_calls ?? [];
  expect(made?.type === 'function' ? JSON.parse(made.function.arguments) : undefined).toEqual(CALL);
});

test('OpenAI Responses', async () => {
  const { dialect, text, call } = bodies(RESPONSES);
  const ask = async (origin: string): Promise<{ deltas: string; response: OpenAI.Responses.Response }> => {
    const stream = openai(origin).responses.stream({ model: 'gpt-5-mini', input: 'hello' });
    let deltas = '';
    stream.on('response.output_text.delta', ({ delta }) => (deltas += delta));
    return { response: await stream.finalResponse(), deltas };
  };
  const { response, deltas } = await served(dialect, text, ask);
  expect([response.output_text, deltas]).toEqual([TEXT, TEXT]);
  const [made] = (await served(dialect, call, ask)).response.output;
  expect(made?.type === 'function_call' ? JSON.parse(made.arguments) : undefined).toEqual(CALL);
});

test('Anthropic', async () => {
  const { dialect, text, call } = bodies(MESSAGES);
  const ask = (origin: string) =>
    anthropic(origin)
      .messages.stream({ model: 'claude-haiku-4-5', max_tokens: 100, messages: user('hello') })
      .finalMessage();
  const answer = await served(dialect, text, ask);
  expect(answer).toMatchObject({ content: [{ type: 'text', text: TEXT }], stop_reason: 'end_turn' });
  expect((await served(dialect, call, ask)).content).toMatchObject([{ type: 'tool_use', name: 'send', input: CALL }]);
});

test('Gemini', async () => {
  const { dialect, text } = bodies(GEMINI);
  const answer = await served(dialect, text, async (origin) => {
    const { models } = new GoogleGenAI({ apiKey: 'key', httpOptions: { baseUrl: origin } });
    let all = '';
    for await (const chunk of await models.generateContentStream({ model: 'gemini-2.5-flash', contents: 'hello' })) {
      all += chunk.text ?? '';
    }
    return all;
  });
  expect(answer).toBe(TEXT);
});
