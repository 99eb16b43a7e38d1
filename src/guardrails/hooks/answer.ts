import { isObject, parseJson } from '../../protocols/json.ts';
import { isNamed, membersOf, skipSpace } from '../../protocols/json-walk.ts';
import type { HookOutcome } from './outcome.ts';

const BLOCK_STATUS = 403;
const BLOCK_MESSAGE = 'request blocked by guardrail';
/** It goes to the client, in an error: a page of text is none. */
const MESSAGE_CHARS = 4096;

/** What a hook may replace, as the member of its answer is named. */
export type Replaceable = 'request_body' | 'response_body';

/**
 * `GuardrailResponse` (aperture.md, section 6.4), of an answer whose status was good. A `modify` without a body is an `allow`
 * there; about a response, which is ours to define, it is no answer: somebody meant to take something out.
 */
export function readAnswer(bytes: Uint8Array, replaceable: Replaceable = 'request_body'): HookOutcome {
  const text = utf8(bytes);
  const answer = text === undefined ? undefined : parseJson(text);
  if (!isObject(answer)) return { kind: 'failed', why: 'its answer is no JSON object' };
  switch (answer['action']) {
    case 'allow':
      return { kind: 'allow' };
    case 'block':
      return { kind: 'block', status: statusOf(answer['status_code']), message: messageOf(answer['message']) };
    case 'modify':
      if (isObject(answer[replaceable])) return { kind: 'modify', body: bodyIn(bytes, replaceable) };
      if (replaceable === 'request_body') return { kind: 'allow' };
      return {
        kind: 'failed',
        why: 'it wants to modify the response, and gave no response_body that is a JSON object',
      };
    default:
      return { kind: 'failed', why: 'its answer has none of the actions allow, block and modify' };
  }
}

/** A block is an error to the client, whatever the hook makes of it. */
function statusOf(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599 ? value : BLOCK_STATUS;
}

function messageOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value.slice(0, MESSAGE_CHARS) : BLOCK_MESSAGE;
}

/** The body as the hook wrote it; of several members of that name the last, as JSON is read. */
function bodyIn(bytes: Uint8Array, name: Replaceable): Uint8Array<ArrayBuffer> {
  const start = bytes[0] === MARK[0] && bytes[1] === MARK[1] ? MARK.length : 0;
  const json = bytes.subarray(start);
  const member = membersOf(json, skipSpace(json, 0)).findLast((each) => isNamed(json, each, name));
  return new Uint8Array(json.subarray(member?.valueStart, member?.valueEnd));
}

/** Byte order mark. */
const MARK = [0xef, 0xbb, 0xbf];

const decoder = new TextDecoder('utf-8', { fatal: true });

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    // Not UTF-8, so no JSON.
    return undefined;
  }
}
