import { hash } from 'node:crypto';
import type { Api } from '../contract/api.ts';
import { HASHED_SESSION } from '../contract/facts.ts';
import type { RequestFacts, SessionFacts } from '../contract/facts.ts';
import { clientSession, sessionOfUserId } from '../protocols/client-session.ts';

export interface SessionInput {
  request: RequestFacts;
  /** Lower-case name, value. */
  headers: readonly (readonly [string, string])[];
  login: string;
  nodeId: string;
  api: Api;
}

/** Ids of clients are UUIDs and the like. What is longer, or is no plain line of text, is not taken for one. */
const ID_CHARS = 256;
// oxlint-disable-next-line no-control-regex -- control characters are what it is there to find
const NOT_IN_AN_ID = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd]|\p{Surrogate}/u;

const HASH_DIGITS = 16;

/**
 * Which conversation a request belongs to: the client's own id, from a header, else from the body; where it sends
 * none, a hash over caller, API, system prompt and first user message, which agents repeat in every request. Not over
 * the model: agents change it within a conversation.
 *
 * A client chooses its id freely: whoever reads `base` must read it together with the login, and may never grant
 * anything by it.
 */
export function sessionOf({ request, headers, login, nodeId, api }: SessionInput): SessionFacts {
  const named = sessionOfHeaders(headers);
  const own = named.base ?? idOf(bodyId(request.client_session));
  return {
    base: own ?? hashOf([login, nodeId, api, withoutAttribution(request.system_text), request.first_user_text]),
    parent: named.parent ?? idOf(request.parent_session),
    agentId: named.agentId ?? idOf(request.agent_id),
  };
}

/** What the headers alone tell, for requests whose body nobody reads any further. */
export function sessionOfHeaders(
  headers: SessionInput['headers'],
): Omit<SessionFacts, 'base'> & { base: string | null } {
  const sent = clientSession(new Map(headers), []);
  const base = idOf(sent.client_session);
  return { base, parent: idOf(sent.parent_session), agentId: idOf(sent.agent_id) ?? threadOf(headers, base) };
}

function idOf(value: string | null): string | null {
  const text = value?.trim() ?? '';
  return text === '' || text.length > ID_CHARS || NOT_IN_AN_ID.test(text) ? null : text;
}

/** A reader may hand on Anthropic's `metadata.user_id` as it is: the id is inside. */
function bodyId(value: string | null): string | null {
  return value === null ? null : (sessionOfUserId(value) ?? (value.startsWith('{') ? null : value));
}

/** Codex gives a subagent a thread of its own within the session. */
function threadOf(headers: SessionInput['headers'], session: string | null): string | null {
  const thread = idOf(headers.find(([name]) => name === 'thread-id')?.[1] ?? null);
  return thread !== null && session !== null && thread !== session ? thread : null;
}

/**
 * The line that Claude Code puts first in its system prompt: release, entry point and a check sum, any of which may
 * change within a conversation. It ends with a line feed, or, where a reader joined the parts, after its last `;`.
 */
const ATTRIBUTION = /^x-anthropic-billing-header:[ \t]*(?:[\w-]+=[^;\n]*(?:;|$)[ \t]*)*\n?/gm;

function withoutAttribution(text: string): string {
  return text.replace(ATTRIBUTION, '');
}

/** JSON keeps the parts apart, whatever is in them. */
function hashOf(parts: string[]): string {
  return HASHED_SESSION + hash('sha256', JSON.stringify(parts), 'hex').slice(0, HASH_DIGITS);
}
