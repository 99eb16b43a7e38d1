import type { Fault } from '../../contract/fault.ts';
import type { BodyFields } from '../../contract/messages.ts';
import { failed, ok } from '../../lib/result.ts';
import type { Result } from '../../lib/result.ts';
import { membersOf, skipSpace, stringValue } from '../json-walk.ts';
import type { Member } from '../json-walk.ts';

/** The frame that begins a turn. */
export const CREATE = 'response.create';

/** A name for a turn that is longer than this is none that a client means. */
const STREAM_ID_CHARACTERS = 256;

/** What a frame says of itself, beside what the body of a POST would say. */
export interface ClientFrame {
  type: string;
  /** The turn that it belongs to, where several share the socket. */
  streamId: string | undefined;
  /** Of a turn: the same as the body of a POST that asks for a stream. */
  body: Uint8Array<ArrayBuffer>;
}

const FIRST_OF_BODY = Buffer.from('{"stream":true');
/** Members that a body has not, and those that a frame has not. */
const OF_FRAMES: ReadonlySet<string> = new Set(['type', 'stream_id', 'stream']);
const OF_BODIES: ReadonlySet<string> = new Set(['stream']);

/**
 * Reads a client's frame, whose bytes were scanned (`body-scan.ts`). The body keeps every other byte, so that what goes to
 * the provider again as a frame is what came.
 */
export function readClientFrame(bytes: Uint8Array, fields: BodyFields): Result<ClientFrame, Fault> {
  const members = namedMembers(bytes, fields.objectStart - 1);
  for (const key of ['type', 'stream_id']) {
    // As for the members that a body is judged by: nobody may read another one than we did.
    const spelled = members.filter(({ name }) => name.toLowerCase() === key);
    const [first, second] = spelled;
    if (second !== undefined) return failed({ code: 'body_duplicate_key', key, atByte: second.at.keyStart });
    if (first !== undefined && first.name !== key) {
      return failed({ code: 'body_bad_field', field: key, why: `is written "${first.name.slice(0, 32)}"` });
    }
  }
  const text = (key: string): string | undefined => {
    const at = members.find(({ name }) => name === key)?.at;
    return at === undefined ? undefined : textAt(bytes, at);
  };
  const type = text('type');
  if (type === undefined) return failed({ code: 'body_bad_field', field: 'type', why: 'must be a string' });
  const named = members.some(({ name }) => name === 'stream_id');
  const streamId = text('stream_id');
  if (named && (streamId === undefined || streamId === '' || streamId.length > STREAM_ID_CHARACTERS)) {
    const why = `must be a string of 1 to ${STREAM_ID_CHARACTERS} characters`;
    return failed({ code: 'body_bad_field', field: 'stream_id', why });
  }
  const body = rebuilt(FIRST_OF_BODY, bytes, members, OF_FRAMES);
  return ok({ type, streamId, body });
}

/** The frame of a turn, from the body that goes to the provider: valid JSON, as whoever changed it saw to. */
export function createFrame(body: Uint8Array, streamId: string | undefined): Uint8Array {
  const id = streamId === undefined ? '' : `,"stream_id":${JSON.stringify(streamId)}`;
  const first = Buffer.from(`{"type":"${CREATE}"${id}`);
  // As we made it ourselves, which spares a walk through all of it.
  if (startsWith(body, FIRST_OF_BODY)) return Buffer.concat([first, body.subarray(FIRST_OF_BODY.length)]);
  return rebuilt(first, body, namedMembers(body, skipSpace(body, 0)), OF_BODIES);
}

export interface ProviderFrame {
  /** Empty where it has none. */
  type: string;
  streamId: string | undefined;
  /** Of Realtime. */
  responseId: string | undefined;
  /** Of an error; 0 where it has none. */
  status: number;
}

/** What a provider's frame says of itself; of what is no JSON object, nothing. */
export function readProviderFrame(bytes: Uint8Array): ProviderFrame {
  const found: ProviderFrame = { type: '', streamId: undefined, responseId: undefined, status: 0 };
  const start = skipSpace(bytes, 0);
  if (bytes[start] !== OPEN_BRACE) return found;
  for (const member of membersOf(bytes, start)) {
    if (member.keyEnd - member.keyStart > LONGEST_KEY) continue;
    const name = stringValue(bytes.subarray(member.keyStart, member.keyEnd));
    if (name === 'type') found.type = textAt(bytes, member) ?? '';
    else if (name === 'stream_id') found.streamId = textAt(bytes, member);
    else if (name === 'response_id') found.responseId = textAt(bytes, member);
    else if (name === 'status') found.status = numberAt(bytes, member);
  }
  return found;
}

const OPEN_BRACE = 0x7b;
const QUOTE = 0x22;
const COMMA = Buffer.from(',');
const CLOSE = Buffer.from('}');
const LONGEST_KEY = '"response_id"'.length;
const NUMBER_BYTES = 16;

interface Named {
  name: string;
  at: Member;
}

function namedMembers(bytes: Uint8Array, brace: number): Named[] {
  return membersOf(bytes, brace).map((at) => ({
    name: stringValue(bytes.subarray(at.keyStart, at.keyEnd)) ?? '',
    at,
  }));
}

/** `first`, and all members but those left out; neighbours keep the white space between them. */
function rebuilt(
  first: Uint8Array,
  bytes: Uint8Array,
  members: readonly Named[],
  leftOut: ReadonlySet<string>,
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [first];
  let run: { start: number; end: number } | undefined;
  const flush = (): void => {
    if (run !== undefined) parts.push(COMMA, bytes.subarray(run.start, run.end));
    run = undefined;
  };
  for (const { name, at } of members) {
    if (leftOut.has(name)) flush();
    else run = { start: run?.start ?? at.keyStart, end: at.valueEnd };
  }
  flush();
  parts.push(CLOSE);
  // A buffer of its own, not a view on Node's pool: whoever posts it to a thread posts nothing else.
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let to = 0;
  for (const part of parts) {
    whole.set(part, to);
    to += part.byteLength;
  }
  return whole;
}

function textAt(bytes: Uint8Array, { valueStart, valueEnd }: Member): string | undefined {
  return bytes[valueStart] === QUOTE ? stringValue(bytes.subarray(valueStart, valueEnd)) : undefined;
}

function numberAt(bytes: Uint8Array, { valueStart, valueEnd }: Member): number {
  if (valueEnd - valueStart > NUMBER_BYTES) return 0;
  const value = Number(
    Buffer.from(bytes.buffer, bytes.byteOffset + valueStart, valueEnd - valueStart).toString('latin1'),
  );
  return Number.isInteger(value) ? value : 0;
}

function startsWith(bytes: Uint8Array, first: Uint8Array): boolean {
  return bytes.length > first.length && first.every((byte, index) => bytes[index] === byte);
}
