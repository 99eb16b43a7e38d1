import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { BodyFields } from '../../src/contract/messages.ts';
import { applySplices, modelSplice, usageSplice } from '../../src/protocols/body-edit.ts';
import { scanBody } from '../../src/protocols/body-scan.ts';
import { utf8 } from './chunks.ts';

const SEED = 20261102;

function fieldsOf(bytes: Uint8Array): BodyFields {
  const outcome = scanBody('openai_chat', bytes);
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.fault));
  return outcome.value;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

function injected(body: string): string {
  const bytes = utf8(body);
  return text(applySplices(bytes, usageSplice(bytes, fieldsOf(bytes)).splices));
}

describe('asking for usage', () => {
  test.each([
    ['{"model":"m"}', '{"stream_options":{"include_usage":true},"model":"m"}'],
    ['{ "model":"m"}', '{"stream_options":{"include_usage":true}, "model":"m"}'],
    [' {} ', ' {"stream_options":{"include_usage":true}} '],
    ['{\n}', '{"stream_options":{"include_usage":true}\n}'],
    ['{"stream_options":null,"a":1}', '{"stream_options":{"include_usage":true},"a":1}'],
    ['{"stream_options": {} }', '{"stream_options": {"include_usage":true} }'],
    ['{"stream_options":{ "x":[1]}}', '{"stream_options":{"include_usage":true, "x":[1]}}'],
    ['{"stream_options":{"include_usage":false}}', '{"stream_options":{"include_usage":true}}'],
    [
      '{"stream_options":{"x":"}","include_usage" : null , "y":2}}',
      '{"stream_options":{"x":"}","include_usage" : true , "y":2}}',
    ],
    ['{"stream_options":{"include_us\\u0061ge":false}}', '{"stream_options":{"include_us\\u0061ge":true}}'],
    [
      '{"stream_options":{"y":{"include_usage":false}}}',
      '{"stream_options":{"include_usage":true,"y":{"include_usage":false}}}',
    ],
    ['{"\\u0073tream_options":{"include_usage":false}}', '{"\\u0073tream_options":{"include_usage":true}}'],
  ])('%s becomes %s', (before, after) => {
    expect(injected(before)).toBe(after);
  });

  test('a body that asks already is left alone', () => {
    const bytes = utf8('{"stream_options":{"include_usage":true}}');
    const { splices, detail } = usageSplice(bytes, fieldsOf(bytes));
    expect(applySplices(bytes, splices)).toBe(bytes);
    expect(detail).toBe('the client asks for usage itself');
  });
});

test('a model is replaced where it stands, escapes and all', () => {
  const bytes = utf8('{"x":"model","mod\\u0065l" : "a\\/b" ,"messages":[{"model":"a/b"}]}');
  const edited = applySplices(bytes, modelSplice(fieldsOf(bytes), 'é"b'));
  expect(text(edited)).toBe('{"x":"model","mod\\u0065l" : "é\\"b" ,"messages":[{"model":"a/b"}]}');
});

test('a body that names no model, or the same, is left alone', () => {
  for (const body of ['{}', '{"model":"m"}']) expect(modelSplice(fieldsOf(utf8(body)), 'm')).toEqual([]);
});

test('an edited body has a buffer of its own, so that giving it to a thread gives nothing else', () => {
  const bytes = utf8('{}');
  const edited = applySplices(bytes, usageSplice(bytes, fieldsOf(bytes)).splices);
  expect(edited.buffer.byteLength).toBe(edited.byteLength);
});

describe('any body', () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const options = fc.oneof(
    fc.constant(null),
    fc.record({ include_usage: fc.constantFrom(true, false, null), x: json }, { requiredKeys: [] }),
  );
  const members = fc.record(
    {
      model: fc.stringMatching(/^[a-z/.-]{1,12}$/),
      stream: fc.boolean(),
      stream_options: options,
      messages: json,
      tools: json,
    },
    { requiredKeys: [] },
  );
  const space = fc.constantFrom('', ' ', '\n  ', '\t', '\r\n');

  /** A JSON text with white space of any kind, members in any order. */
  const body = fc.tuple(members, space, fc.nat()).map(([value, blank, turn]) => {
    const entries = Object.entries(value);
    const turned = [...entries.slice(turn % (entries.length + 1)), ...entries.slice(0, turn % (entries.length + 1))];
    const inside = turned.map(
      ([key, member]) =>
        `${blank}${JSON.stringify(key)}${blank}:${blank}${JSON.stringify(member, null, blank.trim() === blank ? 0 : 1)}${blank}`,
    );
    return { value, text: `${blank}{${inside.join(',')}${blank}}${blank}` };
  });

  test('failure mode 23: both edits together change what they should and no other byte', () => {
    fc.assert(
      fc.property(body, fc.string({ unit: 'grapheme', minLength: 1 }), ({ value, text: before }, model) => {
        const bytes = utf8(before);
        const fields = fieldsOf(bytes);
        const splices = [...usageSplice(bytes, fields).splices, ...modelSplice(fields, model)];
        const edited = applySplices(bytes, splices);

        const expected = z.record(z.string(), z.unknown()).parse(JSON.parse(before));
        expected['stream_options'] = { ...Object(expected['stream_options'] ?? {}), include_usage: true };
        if (value.model !== undefined) expected['model'] = model;
        expect(JSON.parse(text(edited))).toEqual(expected);

        // Undo: what is between the splices is what was there.
        let undone = '';
        let from = 0;
        let shift = 0;
        const after = Buffer.from(edited);
        for (const { start, end, text: inserted } of splices.toSorted((a, b) => a.start - b.start)) {
          undone += after.toString('utf8', from, start + shift) + Buffer.from(bytes).toString('utf8', start, end);
          from = start + shift + Buffer.byteLength(inserted);
          shift += Buffer.byteLength(inserted) - (end - start);
        }
        expect(undone + after.toString('utf8', from)).toBe(before);
        expect(fieldsOf(edited).includeUsage).toBe(true);
      }),
      { numRuns: 2_000, seed: SEED },
    );
  });
});
