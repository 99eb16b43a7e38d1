import type { BodyFields } from '../contract/messages.ts';
import { isNamed, membersOf } from './json-walk.ts';

/** Replace the bytes from `start` up to `end` by `text`. */
export interface Splice {
  start: number;
  end: number;
  text: string;
}

const NULL_FIRST = 0x6e;

/**
 * The body with the splices made, all other bytes as they were: no provider's prompt cache and no signature sees a
 * difference. Splices are in the offsets of `body` and do not overlap. Returns `body` itself where there are none.
 */
export function applySplices(body: Uint8Array<ArrayBuffer>, splices: readonly Splice[]): Uint8Array<ArrayBuffer> {
  if (splices.length === 0) return body;
  const inserts = splices
    .toSorted((a, b) => a.start - b.start)
    .map(({ start, end, text }) => ({ start, end, bytes: Buffer.from(text) }));
  const growth = inserts.reduce((sum, { start, end, bytes }) => sum + bytes.length - (end - start), 0);
  // A buffer of its own, not a view on Node's pool: whoever posts it to a thread posts nothing else.
  const edited = new Uint8Array(body.length + growth);
  let from = 0;
  let to = 0;
  for (const { start, end, bytes } of inserts) {
    edited.set(body.subarray(from, start), to);
    to += start - from;
    edited.set(bytes, to);
    to += bytes.length;
    from = end;
  }
  edited.set(body.subarray(from), to);
  return edited;
}

/**
 * What makes a chat body ask for usage in its stream, and how the record words it. `fields` are those that the scanner
 * read from the same bytes. No splice where the body asks already.
 */
export function usageSplice(body: Uint8Array, fields: BodyFields): { splices: Splice[]; detail: string } {
  if (fields.includeUsage === true) return { splices: [], detail: 'the client asks for usage itself' };
  const span = fields.spans['stream_options'];
  if (span === undefined) {
    const text = `"stream_options":{"include_usage":true}${fields.empty ? '' : ','}`;
    return {
      splices: [{ start: fields.objectStart, end: fields.objectStart, text }],
      detail: 'stream_options.include_usage added',
    };
  }
  if (body[span.valueStart] === NULL_FIRST) {
    return {
      splices: [{ start: span.valueStart, end: span.valueEnd, text: '{"include_usage":true}' }],
      detail: 'stream_options null replaced',
    };
  }
  const members = membersOf(body, span.valueStart);
  const present = members.find((member) => isNamed(body, member, 'include_usage'));
  if (present !== undefined) {
    return {
      splices: [{ start: present.valueStart, end: present.valueEnd, text: 'true' }],
      detail: `stream_options.include_usage ${fields.includeUsage === false ? 'false' : 'null'} replaced`,
    };
  }
  const inside = span.valueStart + 1;
  const text = `"include_usage":true${members.length === 0 ? '' : ','}`;
  return { splices: [{ start: inside, end: inside, text }], detail: 'include_usage added to stream_options' };
}

/** What writes a name into a body that has none. */
export function namingSplice(fields: BodyFields, model: string): Splice {
  const text = `"model":${JSON.stringify(model)}${fields.empty ? '' : ','}`;
  return { start: fields.objectStart, end: fields.objectStart, text };
}

/** What makes a body name `model`; nothing where it names none or the same. */
export function modelSplice(fields: BodyFields, model: string): Splice[] {
  const span = fields.spans['model'];
  if (span === undefined || fields.model === model) return [];
  return [
    { start: span.valueStart, end: span.valueEnd, text: fields.form === undefined ? JSON.stringify(model) : model },
  ];
}
