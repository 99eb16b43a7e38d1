import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { RequestFacts } from '../../src/contract/facts.ts';
import { sessionOf } from '../../src/inspect/session.ts';

const UUID = '6f1e7c1a-52a5-4cc5-9a50-0a4b9d7a7f01';

function session(
  change: { request?: Partial<RequestFacts>; headers?: [string, string][]; login?: string; nodeId?: string } = {},
) {
  const request: RequestFacts = {
    model: 'm',
    stream: true,
    client_session: null,
    parent_session: null,
    agent_id: null,
    previous_response: null,
    system_text: 'You are helpful.',
    first_user_text: 'Hello',
    history: null,
    tool_results: [],
    ...change.request,
  };
  return sessionOf({
    request,
    headers: change.headers ?? [],
    login: change.login ?? 'alice@example.com',
    nodeId: change.nodeId ?? 'n1',
    api: 'anthropic_messages',
  });
}

test.each([
  ['Claude Code', 'x-claude-code-session-id'],
  ['Codex', 'session-id'],
  ['older Codex', 'session_id'],
  ['older Codex', 'conversation_id'],
  ['opencode', 'x-session-id'],
  ['opencode', 'x-session-affinity'],
  ['others', 'x-conversation-id'],
])('the id of %s in %s', (_client, header) => {
  expect(session({ headers: [[header, UUID]], request: { client_session: 'from-the-body' } }).base).toBe(UUID);
});

test('Codex says it in its turn metadata too', () => {
  const metadata = JSON.stringify({ session_id: UUID, turn_id: 't' });
  expect(session({ headers: [['x-codex-turn-metadata', metadata]] }).base).toBe(UUID);
});

/** All that these clients send in one request that could be taken for a session (wire-formats.md, section 15). */
const CLIENTS: [string, [string, string][], Partial<RequestFacts>, ReturnType<typeof session>][] = [
  [
    'Claude Code',
    [
      ['user-agent', 'claude-cli/2.1.330 (external, cli)'],
      ['x-claude-code-session-id', UUID],
      ['x-stainless-retry-count', '0'],
      ['anthropic-version', '2023-06-01'],
      ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
    ],
    { client_session: JSON.stringify({ device_id: 'd'.repeat(64), account_uuid: '', session_id: UUID }) },
    { base: UUID, parent: null, agentId: null },
  ],
  [
    "Claude Code's subagent of a subagent",
    [
      ['user-agent', 'claude-cli/2.1.330 (external, cli)'],
      ['x-claude-code-session-id', UUID],
      ['x-claude-code-agent-id', 'a7f3c2e1b'],
      ['x-claude-code-parent-agent-id', 'a1d9e8f70'],
    ],
    {},
    { base: UUID, parent: 'a1d9e8f70', agentId: 'a7f3c2e1b' },
  ],
  [
    'Codex',
    [
      ['user-agent', 'codex_exec/0.169.0 (Debian 13.0.0; x86_64)'],
      ['originator', 'codex_exec'],
      ['session-id', UUID],
      ['thread-id', UUID],
      ['x-client-request-id', UUID],
      ['x-codex-window-id', `${UUID}:0`],
      [
        'x-codex-turn-metadata',
        JSON.stringify({ session_id: UUID, thread_id: UUID, turn_id: 't', request_kind: 'turn' }),
      ],
    ],
    { client_session: UUID },
    { base: UUID, parent: null, agentId: null },
  ],
  [
    "Codex' subagent",
    [
      ['user-agent', 'codex_exec/0.169.0 (Debian 13.0.0; x86_64)'],
      ['session-id', UUID],
      ['thread-id', '01a20725-0000-7000-8000-000000000002'],
      ['x-codex-parent-thread-id', UUID],
      ['x-openai-subagent', 'review'],
    ],
    { client_session: UUID },
    { base: UUID, parent: UUID, agentId: 'review' },
  ],
];

test.each(CLIENTS)('%s, with all that it sends', (_client, headers, request, expected) => {
  expect(session({ headers, request })).toEqual(expected);
});

test('the most particular header wins, a header wins over the body', () => {
  const headers: [string, string][] = [
    ['x-session-id', 'general'],
    ['x-claude-code-session-id', UUID],
    ['session-id', 'codex'],
  ];
  expect(session({ headers }).base).toBe(UUID);
});

test('the id in the body: plain, in metadata.user_id as JSON, and in its older form', () => {
  expect(session({ request: { client_session: 'cache-key-7' } }).base).toBe('cache-key-7');
  const userId = JSON.stringify({ device_id: 'd', account_uuid: 'a', session_id: UUID });
  expect(session({ request: { client_session: userId } }).base).toBe(UUID);
  expect(session({ request: { client_session: `user_0a1b_account__session_${UUID}` } }).base).toBe(UUID);
});

test('without one, the conversation is known by its caller and its beginning', () => {
  // Computed here from the rule: SHA-256 over the JSON array of login, node, API, system prompt, first user message.
  const parts = ['alice@example.com', 'n1', 'anthropic_messages', 'You are helpful.', 'Hello'];
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  expect(session().base).toBe(`oacc_${digest.slice(0, 16)}`);
  expect(session({ request: { model: 'another' } }).base).toBe(session().base);
  const others = [
    session({ login: 'bob@example.com' }),
    session({ nodeId: 'n2' }),
    session({ request: { system_text: 'You are rude.' } }),
    session({ request: { first_user_text: 'Bye' } }),
    // The parts do not run into one another.
    session({ request: { system_text: 'You are helpful.Hel', first_user_text: 'lo' } }),
  ];
  expect(new Set([session(), ...others].map(({ base }) => base)).size).toBe(6);
});

test('the attribution line of Claude Code does not tear a conversation apart', () => {
  const line = (version: string) =>
    `x-anthropic-billing-header: cc_version=${version}; cc_entrypoint=cli; cch=0${version};`;
  const bare = session().base;
  for (const text of [
    `${line('2.1.330')}\nYou are helpful.`,
    `${line('2.1.331')}\nYou are helpful.`,
    `${line('2.1.331')}You are helpful.`,
    `x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli\nYou are helpful.`,
  ]) {
    expect(session({ request: { system_text: text } }).base, text).toBe(bare);
  }
  // Within a line it is somebody's text.
  expect(session({ request: { system_text: `Say: ${line('2.1.330')}\nYou are helpful.` } }).base).not.toBe(bare);
});

test('parents and agents: Claude Code subagents, Codex threads', () => {
  const claude: [string, string][] = [
    ['x-claude-code-session-id', UUID],
    ['x-claude-code-agent-id', 'agent-b'],
    ['x-claude-code-parent-agent-id', 'agent-a'],
  ];
  expect(session({ headers: claude })).toEqual({ base: UUID, parent: 'agent-a', agentId: 'agent-b' });
  const codex: [string, string][] = [
    ['session-id', UUID],
    ['thread-id', 'thread-2'],
    ['x-codex-parent-thread-id', UUID],
  ];
  expect(session({ headers: codex })).toEqual({ base: UUID, parent: UUID, agentId: 'thread-2' });
  const alone: [string, string][] = [
    ['session-id', UUID],
    ['thread-id', UUID],
  ];
  expect(session({ headers: alone })).toEqual({ base: UUID, parent: null, agentId: null });
});

test('what is no id is not taken for one', () => {
  const hashed = session().base;
  for (const bad of [
    '',
    '   ',
    'x'.repeat(257),
    'a\nb',
    'a\u0000b',
    'a\u2028b',
    'a\u009bb',
    '\ud800',
    '{"no":"session"}',
    '{broken',
  ]) {
    expect(session({ request: { client_session: bad } }).base, JSON.stringify(bad)).toBe(hashed);
  }
  expect(session({ headers: [['session-id', 'x'.repeat(5000)]], request: { client_session: 'good' } }).base).toBe(
    'good',
  );
  expect(session({ headers: [['x-codex-turn-metadata', '{']] }).base).toBe(hashed);
});

test('names of one request or one trace are no sessions', () => {
  const headers: [string, string][] = [
    ['x-request-id', 'r1'],
    ['x-client-request-id', 'r2'],
    ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
  ];
  expect(session({ headers }).base).toBe(session().base);
});

test('a hostile system prompt takes no time', () => {
  const started = performance.now();
  for (const part of [
    'x-anthropic-billing-header:',
    'x-anthropic-billing-header: a=',
    'x-anthropic-billing-header: a=;\n',
    'a=; ',
  ]) {
    session({ request: { system_text: 'x-anthropic-billing-header: ' + part.repeat(50_000) } });
  }
  expect(performance.now() - started).toBeLessThan(1000);
});
