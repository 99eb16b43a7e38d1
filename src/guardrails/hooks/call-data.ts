import { costOf } from '../../contract/aperture-words.ts';
import type { CallCost } from '../../contract/aperture-words.ts';
import type { CallFacts, SendField } from '../../contract/guardrail.ts';
import { jsonText, parseJson } from '../../protocols/json.ts';

/** What is known of a response that is over. JSON texts are as the provider wrote them. */
export interface PostParts {
  toolCalls: readonly { name: string; arguments: string }[];
  /** JSON text of one value; undefined where it could not be read as one. */
  responseBody: string | undefined;
  /** JSON texts: of each message of a stream, or of the one response. */
  rawResponses: readonly string[];
}

/** All that a hook may be told; `send` says what of it. */
export interface CallParts {
  send: readonly SendField[];
  facts: CallFacts;
  /** Undefined where it is not known. */
  cost: CallCost | undefined;
  /** JSON; undefined where the request has none. */
  requestBody: Uint8Array | undefined;
  /** Asked only where it is sent. */
  userMessage: () => string;
  /** Undefined before the request is sent: then there is nothing to tell of the response. */
  post: PostParts | undefined;
  /** Where a hook is asked about an answer. Aperture has no such call, so it has no word for what tells it from others. */
  about?: { status: number; stream: boolean };
}

type Part = string | Uint8Array;
type Member = [name: string, value: Part];

/**
 * `HookCallData` (aperture.md, section 6.3). Put together from the providers' own bytes: numbers keep their digits and
 * objects their order, so that a hook judges what was said, and what it sends back is what it got.
 */
export function callData(parts: CallParts, leftOut: readonly SendField[] = []): Buffer {
  const wants = (field: SendField): boolean => parts.send.includes(field) && !leftOut.includes(field);
  const { requestBody, post } = parts;
  const members: Member[] = [['metadata', metadataOf(parts, wants, leftOut)]];
  if (wants('request_body') && requestBody !== undefined) members.push(['request_body', withoutMark(requestBody)]);
  if (wants('user_message')) members.push(['user_message', JSON.stringify(parts.userMessage())]);
  if (wants('tools') && post !== undefined) members.push(['tool_calls', arrayText(post.toolCalls.map(toolCallText))]);
  if (wants('response_body') && post?.responseBody !== undefined) members.push(['response_body', post.responseBody]);
  if (wants('raw_responses') && post !== undefined) members.push(['raw_responses', arrayText(post.rawResponses)]);
  return objectBytes(members);
}

function metadataOf(
  { facts, cost, about }: CallParts,
  wants: (field: SendField) => boolean,
  leftOut: readonly SendField[],
): string {
  const metadata: Record<string, unknown> = {
    login_name: facts.login,
    user_agent: facts.userAgent,
    url: facts.path,
    model: facts.model,
    provider: facts.provider,
    tailnet_name: facts.tailnet,
    stable_node_id: facts.nodeId,
    request_id: facts.requestId,
    session_id: facts.sessionId,
  };
  if (about !== undefined) Object.assign(metadata, { event: 'response', ...about });
  if (wants('estimated_cost') && cost !== undefined) metadata['estimated_cost'] = costOf(cost);
  if (wants('grants')) metadata['grants'] = facts.grants;
  if (wants('quotas')) metadata['quotas'] = facts.quotas;
  // Not in Aperture's format, which has no bound; so it stands there only where something is missing.
  if (leftOut.length > 0) metadata['left_out'] = leftOut;
  return JSON.stringify(metadata);
}

/** Arguments that are no JSON, of a call that was cut short, are told as the text that they are. */
function toolCallText({ name, arguments: text }: { name: string; arguments: string }): string {
  const params = text.trim() === '' ? '{}' : parseJson(text) === undefined ? jsonText(text) : text;
  return `{"name":${jsonText(name)},"params":${params}}`;
}

function arrayText(items: readonly string[]): string {
  return `[${items.join(',')}]`;
}

/** A byte order mark is allowed before a JSON text and nowhere inside one. */
function withoutMark(json: Uint8Array): Uint8Array {
  return json[0] === 0xef && json[1] === 0xbb && json[2] === 0xbf ? json.subarray(3) : json;
}

function objectBytes(members: readonly Member[]): Buffer {
  const parts = members.flatMap(([name, value], index): Part[] => [
    `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`,
    value,
  ]);
  return Buffer.concat([...parts, '}'].map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}
