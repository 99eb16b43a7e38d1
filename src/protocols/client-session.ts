import type { RequestFacts } from '../contract/facts.ts';
import { isObject, parseJson, textOrNull } from './json.ts';

/** Longer values are no ids of ours to store. All clients that we know send UUIDs or `ses_…`. */
const ID_CHARS = 256;

/**
 * Headers that name a conversation, the surest first (wire-formats.md, section 15). `x-request-id`,
 * `x-client-request-id` and `traceparent` are not among them: most clients make them anew for each request.
 */
const SESSION_HEADERS = [
  'x-claude-code-session-id',
  'session-id',
  'thread-id',
  // Older releases of Codex.
  'session_id',
  'conversation_id',
  'x-session-id',
  'x-session-affinity',
  'x-conversation-id',
];

const PARENT_HEADERS = ['x-codex-parent-thread-id', 'x-claude-code-parent-agent-id'];
const AGENT_HEADERS = ['x-claude-code-agent-id', 'x-openai-subagent'];

type SessionFacts = Pick<RequestFacts, 'client_session' | 'parent_session' | 'agent_id'>;

/** The client's own ids. `inBody`: what the body has, in order of preference; headers go first. */
export function clientSession(headers: ReadonlyMap<string, string>, inBody: unknown[]): SessionFacts {
  return {
    client_session: firstHeader(headers, SESSION_HEADERS) ?? turnSession(headers) ?? firstId(inBody),
    parent_session: firstHeader(headers, PARENT_HEADERS),
    agent_id: firstHeader(headers, AGENT_HEADERS),
  };
}

/** Anthropic's `metadata.user_id`: Claude Code puts JSON there, older releases `user_…_account_…_session_<uuid>`. */
export function sessionOfUserId(userId: unknown): string | null {
  if (typeof userId !== 'string' || userId.length > 4096) return null;
  if (userId.startsWith('{')) {
    const value = parseJson(userId);
    return isObject(value) ? textOrNull(value['session_id']) : null;
  }
  return /_session_([0-9A-Za-z-]+)$/.exec(userId)?.[1] ?? null;
}

function turnSession(headers: ReadonlyMap<string, string>): string | null {
  const metadata = headers.get('x-codex-turn-metadata');
  if (metadata === undefined) return null;
  const value = parseJson(metadata);
  return isObject(value) ? firstId([value['session_id'], value['thread_id']]) : null;
}

function firstHeader(headers: ReadonlyMap<string, string>, names: string[]): string | null {
  return firstId(names.map((name) => headers.get(name)?.trim()));
}

function firstId(values: unknown[]): string | null {
  for (const value of values) {
    const text = textOrNull(value);
    if (text !== null && text.length <= ID_CHARS) return text;
  }
  return null;
}
