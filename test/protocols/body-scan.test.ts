import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Api } from '../../src/contract/api.ts';
import type { Fault } from '../../src/contract/fault.ts';
import type { BodyFields } from '../../src/contract/messages.ts';
import type { Result } from '../../src/lib/result.ts';
import { BodyScanner, scanBody } from '../../src/protocols/body-scan.ts';
import { cases } from '../support/cases.ts';
import { cut, everyByte, places, utf8 } from './chunks.ts';

/** Failures come again; a run with another seed is a matter of this line. */
const SEED = 20261101;

const FUNCTION_TOOL = JSON.stringify({
  tools: [
    {
      type: 'function',
      function: {
        name: 'ask',
        parameters: { type: 'object', properties: { model: { type: 'string', default: 'no' } }, required: ['model'] },
      },
    },
  ],
});

function scan(text: string, api: Api = 'openai_chat'): Result<BodyFields, Fault> {
  return scanBody(api, utf8(text));
}

function fieldsOf(text: string, api?: Api): BodyFields {
  const outcome = scan(text, api);
  if (!outcome.ok) throw new Error(`refused: ${JSON.stringify(outcome.fault)}`);
  return outcome.value;
}

function faultOf(text: string | Uint8Array, api: Api = 'openai_chat'): Fault {
  const outcome = scanBody(api, typeof text === 'string' ? utf8(text) : text);
  if (outcome.ok) throw new Error('accepted');
  return outcome.fault;
}

function inChunks(api: Api, chunks: Uint8Array[]): Result<BodyFields, Fault> {
  const scanner = new BodyScanner(api);
  for (const chunk of chunks) {
    scanner.push(chunk);
    // The owner of a chunk may use it again.
    chunk.fill(0x21);
  }
  return scanner.end();
}

describe('what is read from the top level', () => {
  test('model, stream and where they stand', () => {
    const text = '{"model":"gpt-5", "stream" : true,"messages":[{"role":"user","content":"é"}]}';
    expect(fieldsOf(text)).toEqual({
      objectStart: 1,
      empty: false,
      spans: {
        model: { keyStart: 1, valueStart: 9, valueEnd: 16 },
        stream: { keyStart: 18, valueStart: 29, valueEnd: 33 },
        messages: { keyStart: 34, valueStart: 45, valueEnd: 77 },
      },
      model: 'gpt-5',
      otherModels: [],
      stream: true,
      includeUsage: undefined,
    });
  });

  test('an empty object, white space around it', () => {
    expect(fieldsOf(' \r\n\t{ \n} ')).toMatchObject({ objectStart: 5, empty: true, spans: {}, model: undefined });
  });

  test('a key and a model in any escaped spelling', () => {
    const fields = fieldsOf(
      '{"\\u006dod\\u0065l":"gpt\\u002d5\\/x","\\u0073\\u0074\\u0072\\u0065\\u0061\\u006d":true}',
    );
    expect(fields.model).toBe('gpt-5/x');
    expect(fields.stream).toBe(true);
    expect(fields.spans['model']).toEqual({ keyStart: 1, valueStart: 19, valueEnd: 34 });
  });

  test('the longest used key, each character escaped', () => {
    const key = Array.from('generateContentRequest', (c) => `\\u00${c.charCodeAt(0).toString(16)}`).join('');
    expect(Object.keys(fieldsOf(`{"${key}":{}}`, 'gemini_count_tokens').spans)).toEqual(['generateContentRequest']);
  });

  test('the same names inside other values are not the top level', () => {
    const fields = fieldsOf(
      '{"messages":[{"model":"x","stream":true,"model":"y"}],"metadata":{"model":"z"},"model":"m"}',
    );
    expect(fields).toMatchObject({ model: 'm', stream: false, otherModels: [] });
  });

  test.each([
    ['{"stream":null}', false],
    ['{"stream":false}', false],
    ['{}', false],
  ])('%s does not stream', (text, stream) => {
    expect(fieldsOf(text).stream).toBe(stream);
  });

  test.each([
    ['{"stream_options":{"include_usage":true}}', true],
    ['{"stream_options":{"x":{"include_usage":true},"include_usage" : false }}', false],
    ['{"stream_options":{"include_usage":null}}', undefined],
    ['{"stream_options":{"include_obfuscation":false}}', undefined],
    ['{"stream_options":null}', undefined],
    ['{"stream_options":{"\\u0069nclude_usage":true}}', true],
    ['{"x":{"include_usage":true}}', undefined],
  ])('%s: includeUsage is %s', (text, expected) => {
    expect(fieldsOf(text).includeUsage).toBe(expected);
  });

  test('every other model that the body can select', () => {
    const text =
      '{"model":"a","models":["b","c",null],"fallbacks":[{"x":[{"model":"not"}],"model":"d"},"e",{"y":1},{"model":null}]}';
    expect(fieldsOf(text).otherModels).toEqual(['b', 'c', 'd', 'e']);
    expect(fieldsOf('{"fallbacks":"default"}').otherModels).toEqual(['default']);
    expect(fieldsOf('{"models":null,"fallbacks":[]}').otherModels).toEqual([]);
  });

  test.each([
    ['a tool that the provider runs', '{"tools":[{"type":"image_generation","model":"a"}]}', ['a']],
    ["Anthropic's advisor", '{"tools":[{"name":"x"},{"type":"advisor_20260301","name":"advisor","model":"a"}]}', ['a']],
    ["OpenRouter's advisor", '{"tools":[{"type":"openrouter:advisor","parameters":{"model":"a"}}]}', ['a']],
    [
      'tools of a tool',
      '{"tools":[{"parameters":{"tools":[{"type":"x","parameters":{"model":"b"}}],"model":"a"}}]}',
      ['b', 'a'],
    ],
    ["OpenRouter's plugins", '{"plugins":[{"id":"fusion","model":"a"}]}', ['a']],
    ['any spelling, as often as it comes', '{"tools":[{"Model":"a","\\u006dodel":"b","model":"c"}]}', ['a', 'b', 'c']],
    [
      'after a schema',
      '{"tools":[{"parameters":{"properties":{"model":{}},"x":[[{"model":"a"}]]},"model":"b"}]}',
      ['a', 'b'],
    ],
    ['after a schema, in a list', '{"tools":[{"properties":{"model":"no"}},[{"model":"a"}]]}', ['a']],
    ['no string', '{"tools":[{"model":null},{"model":{"x":1}},{"model":["y"]}]}', []],
    ['a chat function with an argument of that name', FUNCTION_TOOL, []],
    [
      "an argument of one of Anthropic's tools",
      '{"tools":[{"name":"x","input_schema":{"model":"no","properties":{"model":{"type":"string"}}}}]}',
      [],
    ],
    ['examples in a schema', '{"tools":[{"parameters":{"examples":[{"model":"no"}],"default":{"model":"no"}}}]}', []],
    ['other members', '{"messages":[{"tools":[{"model":"no"}]}],"metadata":{"model":"no"}}', []],
  ])('models in tools: %s', (_, text, models) => {
    for (const api of ['openai_chat', 'openai_responses', 'anthropic_messages'] as const) {
      expect(fieldsOf(text, api).otherModels).toEqual(models);
      const bytes = everyByte(utf8(text));
      expect(inChunks(api, bytes)).toMatchObject({ ok: true, value: { otherModels: models } });
    }
  });

  test("Gemini: a body's models, beside the one in the path", () => {
    const count = '{"generateContentRequest":{"contents":[{"model":"not"}],"model":"models/b"}}';
    expect(fieldsOf(count, 'gemini_count_tokens').otherModels).toEqual(['b']);
    const batch =
      '{"requests":[{"model":"models/e1","content":{"parts":[]}},{"model":"models/e1"},{"model":"tunedModels/e2"}]}';
    expect(fieldsOf(batch, 'gemini_embed_content').otherModels).toEqual(['e1', 'tunedModels/e2']);
    expect(fieldsOf('{"model":"models/e1"}', 'gemini_embed_content').otherModels).toEqual(['e1']);
    expect(fieldsOf('{"requests":[{"model":"x"}]}', 'openai_chat').otherModels).toEqual([]);
  });

  test("Google's two spellings are one field", () => {
    const fields = fieldsOf('{"system_instruction":{},"generationConfig":{}}', 'gemini_generate_content');
    expect(Object.keys(fields.spans)).toEqual(['systemInstruction', 'generationConfig']);
    expect(faultOf('{"system_instruction":{},"systemInstruction":{}}')).toEqual({
      code: 'body_duplicate_key',
      key: 'systemInstruction',
      atByte: 25,
    });
  });
});

describe('what we could read in another way than the provider is refused', () => {
  test.each([
    ['{"model":"a","model":"b"}', 'model', 13],
    ['{"model":"a","\\u006dodel":"a"}', 'model', 13],
    ['{"model":"a","MODEL":"b"}', 'model', 13],
    ['{"max_tokens":1,"max_to\u212aens":100000}', 'max_tokens', 16],
    ['{"messages":[],"me\u017fsages":[]}', 'messages', 15],
    ['{"tools":[],"x":1,"tools":[]}', 'tools', 18],
    ['{"stream_options":{"include_usage":true,"include_usage":false}}', 'stream_options.include_usage', 40],
    ['{"fallbacks":[{"model":"a"},{"model":"b","model":"c"}]}', 'fallbacks[].model', 41],
    ['{"models":[],"models":["x"]}', 'models', 13],
  ])('%s: %s twice', (text, key, atByte) => {
    expect(faultOf(text)).toEqual({ code: 'body_duplicate_key', key, atByte });
  });

  test('a duplicate of a key that nobody uses passes', () => {
    expect(fieldsOf('{"x":1,"x":2,"model":"m"}').model).toBe('m');
  });

  test.each([
    ['{"Model":"a"}', 'Model'],
    ['{"Fallbacks":[]}', 'Fallbacks'],
    ['{"\u017ftream":true}', '\u017ftream'],
    ['{"fallbacks":[{"Model":"a"}]}', 'fallbacks[].model'],
    ['{"model":5}', 'model'],
    ['{"model":null}', 'model'],
    ['{"model":""}', 'model'],
    ['{"model":["a"]}', 'model'],
    ['{"model":"a\\u0000"}', 'model'],
    ['{"model":"a\\nb"}', 'model'],
    ['{"model":"a\\ud800"}', 'model'],
    [`{"model":"${'m'.repeat(257)}"}`, 'model'],
    [`{"model":"${'m'.repeat(100_000)}"}`, 'model'],
    ['{"stream":"true"}', 'stream'],
    ['{"stream":1}', 'stream'],
    ['{"stream_options":[]}', 'stream_options'],
    ['{"stream_options":{"include_usage":"yes"}}', 'stream_options.include_usage'],
    ['{"models":{}}', 'models'],
    ['{"models":[1]}', 'models'],
    ['{"models":[["a"]]}', 'models'],
    ['{"fallbacks":[{"model":{}}]}', 'fallbacks[].model'],
    [`{"models":[${Array.from({ length: 65 }, (_, i) => `"m${i}"`).join(',')}]}`, 'models'],
  ])('%s: a bad field', (text, field) => {
    expect(faultOf(text)).toMatchObject({ code: 'body_bad_field', field });
  });

  test('a model of the longest length passes, in its longest spelling too', () => {
    const name = 'm'.repeat(256);
    expect(fieldsOf(`{"model":"${name}"}`).model).toBe(name);
    expect(fieldsOf(`{"model":"${'\\u006d'.repeat(256)}"}`).model).toBe(name);
  });
});

describe('what is not JSON is refused at its byte', () => {
  test.each([
    ['', 0],
    ['   ', 3],
    ['[]', 0],
    ['"x"', 0],
    ['5', 0],
    ['\ufeff{}', 0],
    ['{', 1],
    ['{"a"', 4],
    ['{"a":1', 6],
    ['{"a":"x', 7],
    ['{,}', 1],
    ['{"a":1,}', 7],
    ['{"a":[1,]}', 8],
    ['{"a" 1}', 5],
    ['{"a":1]', 6],
    ['{"a":[1}}', 7],
    ['{a:1}', 1],
    ["{'a':1}", 1],
    ['{"a":1}{', 7],
    ['{"a":1} x', 8],
    ['{"a":01}', 6],
    ['{"a":+1}', 5],
    ['{"a":.5}', 5],
    ['{"a":1.}', 7],
    ['{"a":1e}', 7],
    ['{"a":1e+}', 8],
    ['{"a":-}', 6],
    ['{"a":-x}', 6],
    ['{"a":0x1}', 6],
    ['{"a":NaN}', 5],
    ['{"a":nul}', 8],
    ['{"a":truE}', 8],
    ['{"a":True}', 5],
    ['{"a":"\n"}', 6],
    ['{"a":"\u0000"}', 6],
    ['{"a":"\\x41"}', 7],
    ['{"a":"\\u12g4"}', 10],
    ['{"a":1 /* c */}', 7],
    ['{"a":1\u00a0}', 6],
    ['{"a":}', 5],
    ['{"a"::1}', 5],
    ['{"model":"a",\u0000"x":1}', 13],
  ])('%j at byte %i', (text, atByte) => {
    expect(() => {
      JSON.parse(text.startsWith('[') || text.startsWith('"') || text.startsWith('5') ? '!' : text);
    }).toThrow();
    expect(faultOf(text)).toMatchObject({ code: 'body_not_json', atByte });
  });

  test.each([
    ['a lone continuation byte', [0x80], 6],
    ['an overlong slash', [0xc0, 0xaf], 6],
    ['a surrogate half', [0xed, 0xa0, 0x80], 6],
    ['above U+10FFFF', [0xf4, 0x90, 0x80, 0x80], 6],
    ['a sequence cut short', [0xe2, 0x82], 6],
    ['after valid text', [0xc3, 0xa9, 0xff], 8],
  ])('invalid UTF-8: %s', (_, bytes, atByte) => {
    const body = Uint8Array.from([...utf8('{"a":"'), ...bytes, ...utf8('"}')]);
    expect(faultOf(body)).toMatchObject({ code: 'body_not_json', atByte });
    expect(inChunks('openai_chat', everyByte(body))).toMatchObject({ fault: { code: 'body_not_json', atByte } });
  });

  test('invalid UTF-8 deep in a large text is found at its byte', () => {
    const body = utf8(`{"a":"${'é€𝄞'.repeat(20_000)}"}`);
    body[100_006] = 0xff;
    // Nine bytes a group (two, three and four); byte 100,000 is the second of a group's first character.
    const at = 100_005;
    expect(faultOf(body)).toMatchObject({ code: 'body_not_json', atByte: at });
  });

  test('512 levels pass, 513 do not', () => {
    const nested = (levels: number): string => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
    expect(scan(nested(512)).ok).toBe(true);
    expect(faultOf(nested(513))).toMatchObject({ code: 'body_not_json', atByte: 5 + 511 });
    expect(faultOf(`{"a":${'['.repeat(1_000_000)}`)).toMatchObject({ code: 'body_not_json' });
  });
});

describe('any chunking', () => {
  const body = fc.oneof(
    fc
      .record(
        {
          model: fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
          stream: fc.oneof(fc.boolean(), fc.constant(null)),
          messages: fc.jsonValue(),
          tools: fc.array(
            fc.record(
              { model: fc.string({ minLength: 1, maxLength: 8 }), properties: fc.jsonValue(), x: fc.jsonValue() },
              { requiredKeys: [] },
            ),
          ),
          fallbacks: fc.array(fc.record({ model: fc.string({ minLength: 1, maxLength: 8 }), x: fc.jsonValue() })),
          stream_options: fc.record({ include_usage: fc.boolean(), y: fc.jsonValue() }),
          'é😀': fc.double({ noNaN: true, noDefaultInfinity: true }),
        },
        { requiredKeys: [] },
      )
      .map((value) => utf8(JSON.stringify(value))),
    fc
      .string({
        unit: fc.constantFrom(
          '{',
          '}',
          '[',
          ']',
          '"',
          ':',
          ',',
          '\\',
          'u',
          '0',
          '1',
          '-',
          '.',
          'e',
          'true',
          'null',
          '"model"',
          ' ',
          'é',
          '\n',
        ),
      })
      .map((text) => utf8(`{"a":${text}`)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Uint8Array.from([...utf8('{"a":"'), ...bytes, ...utf8('"}')])),
  );

  test('failure mode 17: any chunking of a body reads the same, with the same fault at the same byte', () => {
    fc.assert(
      fc.property(body, places, (bytes, at) => {
        const whole = scanBody('anthropic_messages', bytes);
        expect(inChunks('anthropic_messages', cut(bytes, at))).toEqual(whole);
        expect(inChunks('anthropic_messages', everyByte(bytes))).toEqual(whole);
      }),
      { numRuns: cases(500), seed: SEED },
    );
  });

  test('a fault is known before the body has ended', () => {
    const scanner = new BodyScanner('openai_chat');
    scanner.push(utf8('{"model":"a","model"'));
    expect(scanner.fault).toEqual({ code: 'body_duplicate_key', key: 'model', atByte: 13 });
    scanner.push(utf8(':::'));
    expect(scanner.end()).toEqual({ ok: false, fault: scanner.fault });
  });
});

describe('fuzz', () => {
  /** True for what JSON.parse takes and what we take too: objects, of modest depth, without a byte order mark. */
  function accepted(text: string): boolean {
    if (text.startsWith('\ufeff')) return false;
    try {
      const value: unknown = JSON.parse(text);
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    } catch {
      return false;
    }
  }

  const token = fc.constantFrom(
    ...['{', '}', '[', ']', ',', ':', '"', '"a"', '"b\\n"', '"\\u00e9"', '\\', ' ', '\n', '\t', '\r', '\v', '\u00a0'],
    ...[
      '0',
      '1',
      '-',
      '-0',
      '1.5',
      '1e9',
      '1E-2',
      '01',
      '.',
      'e',
      '+',
      'true',
      'false',
      'null',
      'nul',
      'é',
      '\u2028',
      '😀',
      '\u007f',
      '\u0001',
    ],
  );

  test('on random tokens, valid here is valid for JSON.parse and the reverse', () => {
    fc.assert(
      fc.property(fc.array(token, { maxLength: 14 }), fc.boolean(), (tokens, wrapped) => {
        const text = wrapped ? `{"a":${tokens.join('')}}` : tokens.join('');
        expect(scan(text).ok, text).toBe(accepted(text));
      }),
      { numRuns: cases(20_000), seed: SEED },
    );
  });

  test('on valid documents with one byte changed, taken out or doubled, likewise', () => {
    const document = fc.dictionary(
      fc.string({ unit: 'grapheme', maxLength: 5 }).map((key) => `_${key}`),
      fc.jsonValue({ maxDepth: 4 }),
    );
    let valid = 0;
    fc.assert(
      fc.property(
        document,
        fc.nat(),
        fc.nat({ max: 255 }),
        fc.constantFrom('change', 'remove', 'double'),
        fc.boolean(),
        (value, where, byte, how, pretty) => {
          const bytes = [...utf8(JSON.stringify(value, null, pretty ? 2 : undefined))];
          const at = where % bytes.length;
          if (how === 'change') bytes[at] = byte;
          else if (how === 'remove') bytes.splice(at, 1);
          else bytes.splice(at, 0, bytes[at]!);
          const mutated = Uint8Array.from(bytes);
          let text: string | undefined;
          try {
            text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(mutated);
          } catch {
            text = undefined;
          }
          // A mutation that makes a used key out of "_…" would be a duplicate at most; none is one character away.
          const expected = text !== undefined && accepted(text);
          if (expected) valid += 1;
          expect(scanBody('openai_chat', mutated).ok, text ?? 'not UTF-8').toBe(expected);
        },
      ),
      { numRuns: cases(5_000), seed: SEED },
    );
    // Both sides of the comparison occur.
    expect(valid).toBeGreaterThan(cases(200));
    expect(valid).toBeLessThan(cases(4_800));
  });

  test('any bytes whatever are taken without an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), places, (bytes, at) => {
        const whole = scanBody('gemini_generate_content', bytes);
        expect(inChunks('gemini_generate_content', cut(bytes, at))).toEqual(whole);
      }),
      { numRuns: cases(2_000), seed: SEED },
    );
  });
});
