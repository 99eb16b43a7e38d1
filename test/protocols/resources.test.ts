import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { scanBody } from '../../src/protocols/body-scan.ts';
import { keptOf, listed, toldIn, withOwnAddresses } from '../../src/protocols/resources/answers.ts';
import { readBatchFile } from '../../src/protocols/resources/batch-file.ts';
import { RESOURCE_ENDPOINTS, resourceCall } from '../../src/protocols/resources/endpoints.ts';
import { formParts } from '../../src/protocols/multipart.ts';
import { namedMembers } from '../../src/protocols/resources/named-members.ts';

const bytes = (text: string): Buffer => Buffer.from(text);

/** Every text under a name, by what `JSON.parse` makes of it: objects without types, so that nothing is left out. */
function naively(value: unknown, names: ReadonlySet<string>, key = ''): string[] {
  if (typeof value === 'string') return names.has(key) ? [value] : [];
  if (Array.isArray(value)) return value.flatMap((each) => naively(each, names, key));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => naively(each, names, name));
}

const NAMES = new Set(['file_id', 'file_ids', 'vector_store_ids']);
const member = fc.constantFrom(
  'file_id',
  'file_ids',
  'vector_store_ids',
  'content',
  'text',
  'File_ID',
  'input',
  'a"b\\',
);
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.string(),
    fc.integer(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(member, tie('value'), { maxKeys: 4 }),
  ),
})).value;

/** Each letter of a text that is a key may be written as an escape. */
function escaped(text: string, which: readonly boolean[]): string {
  return text.replace(/file_id|vector_store_ids/g, (name) =>
    Array.from(name)
      .map((letter, at) =>
        which[at % which.length] === true ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}` : letter,
      )
      .join(''),
  );
}

test('texts under a name are found wherever they stand and however the name is written', () => {
  fc.assert(
    fc.property(json, fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), fc.nat(3), (value, which, indent) => {
      const text = JSON.stringify({ value }, undefined, indent);
      const found = namedMembers(bytes(escaped(text, which)), NAMES).map((each) => each.text);
      expect(found.sort()).toEqual(naively({ value }, NAMES).sort());
    }),
    { numRuns: 300 },
  );
});

describe('what a body names', () => {
  const named = (api: Parameters<typeof scanBody>[0], text: string): unknown => {
    const scanned = scanBody(api, bytes(text));
    return scanned.ok ? scanned.value.resources : scanned.fault.code;
  };

  test.each([
    ['openai_responses', '{"conversation":"c"}', [{ kind: 'conversation', id: 'c' }]],
    [
      'openai_responses',
      '{"conversation":{"id":"c","\\u0069d":"d"}}',
      ['c', 'd'].map((id) => ({ kind: 'conversation', id })),
    ],
    [
      'openai_chat',
      '{"messages":[{"file":{"file_id":"a","file_id":"b"}}]}',
      ['a', 'b'].map((id) => ({ kind: 'file', id })),
    ],
    ['openai_responses', '{"tools":[{"type":"code_interpreter","container":"k"}]}', [{ kind: 'container', id: 'k' }]],
    ['openai_responses', '{"input":[{"type":"code_interpreter_call","container_id":"k"}]}', undefined],
    ['openai_responses', '{"metadata":{"x":"file_id"},"input":"\\"file_id\\":\\"a\\""}', undefined],
    ['anthropic_messages', '{"container":{"id":"k","skills":[]}}', [{ kind: 'container', id: 'k' }]],
    ['anthropic_messages', '{"messages":[{"type":"tool_use","input":{"file_id":"a"}}]}', undefined],
    [
      'anthropic_messages',
      '{"messages":[{"type":"x","type":"tool_use","input":{"file_id":"a"}}]}',
      [{ kind: 'file', id: 'a' }],
    ],
    [
      'anthropic_messages',
      '{"messages":[{"type":"file_citation","file_id":"a","type":"file"}]}',
      [{ kind: 'file', id: 'a' }],
    ],
    ['anthropic_batches', '{"requests":[{"params":{"model":"m","container":"k"}}]}', [{ kind: 'container', id: 'k' }]],
    ['gemini_generate_content', '{"cached_content":"cachedContents/k"}', [{ kind: 'cache', id: 'k' }]],
    [
      'gemini_generate_content',
      '{"contents":[{"fileData":{"fileUri":"https://www.youtube.com/watch?v=1"}}]}',
      undefined,
    ],
    [
      'gemini_generate_content',
      '{"contents":[{"fileData":{"fileUri":"https://x/v1beta/files/f"}}]}',
      [{ kind: 'file', id: 'f' }],
    ],
    [
      'gemini_generate_content',
      '{"contents":[{"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta//files/f"}}]}',
      [{ kind: 'file', id: 'https://generativelanguage.googleapis.com/v1beta//files/f' }],
    ],
    ['gemini_generate_content', '{"contents":[{"functionCall":{"args":{"fileUri":"files/f"}}}]}', undefined],
    ['openai_responses', `{"conversation":"${'c'.repeat(257)}"}`, 'body_bad_field'],
    ['anthropic_batches', '{"requests":[{"params":{"model":"m"},"params":{"model":"n"}}]}', 'body_bad_field'],
    ['anthropic_batches', '{"requests":[{"params":{"messages":[]}}]}', 'model_missing'],
    ['gemini_batches', '{"batch":{"input_config":{"file_name":"files/f"}}}', 'body_bad_field'],
  ] as const)('%s %s', (api, text, expected) => {
    expect(named(api, text)).toEqual(expected);
  });

  test('every model that the requests of a batch can select', () => {
    const params = '{"model":"m-1","fallbacks":[{"model":"m-2"}],"tools":[{"type":"advisor","model":"m-3"}]}';
    expect(scanBody('anthropic_batches', bytes(`{"requests":[{"params":${params}}]}`))).toMatchObject({
      value: { otherModels: ['m-1', 'm-2', 'm-3'] },
    });
    expect(scanBody('gemini_batches', bytes('{"batch":{"x":[{"request":{"model":"models/m-4"}}]}}'))).toMatchObject({
      value: { otherModels: ['m-4'] },
    });
  });
});

describe('answers', () => {
  const rowOf = (method: string, path: string) => {
    const row = RESOURCE_ENDPOINTS.find((each) => each.method === method && each.path === path);
    if (row === undefined) throw new Error('there is such a row');
    return row;
  };
  const list = rowOf('GET', '/v1/files');

  test('what is left of a list is byte for byte what came, but for the items that are not kept', () => {
    const item = fc.record({ id: fc.string({ minLength: 1 }), note: fc.string() });
    fc.assert(
      fc.property(fc.array(item), fc.func(fc.boolean()), fc.nat(2), (items, keeps, indent) => {
        const whole = { object: 'list', data: items, has_more: true, last_id: 'x' };
        const body = bytes(JSON.stringify(whole, undefined, indent));
        const read = listed(list, body) ?? [];
        expect(read.map(({ id }) => id)).toEqual(items.map(({ id }) => id));
        const kept = keptOf('openai_files', body, read, ({ id }) => keeps(id));
        const expected = { ...whole, data: items.filter(({ id }) => keeps(id)) };
        expect(JSON.parse(Buffer.from(kept).toString())).toEqual(expected);
        if (expected.data.length === items.length) expect(kept).toBe(body);
      }),
      { numRuns: 200 },
    );
  });

  test.each([
    '[]',
    'nothing',
    '{"data":[1],"data":[2]}',
    '{"data":{}}',
    '{"items":[{"id":"a"}]}',
    '{"data":[{"id":"a"}',
  ])('%s is no list, and nothing of it goes on', (text) => {
    expect(listed(list, bytes(text))).toBeUndefined();
  });

  test('an item without one id is nobody’s', () => {
    const read = listed(list, bytes('{"data":[1,{"x":1},{"id":"a","id":"b"},{"\\u0069d":"c"}]}'));
    expect(read?.map(({ id }) => id)).toEqual(['', '', '', 'c']);
    expect(listed(list, bytes('{}'))).toEqual([]);
  });

  test('what was made, by API', () => {
    const made = (method: string, path: string, text: string): unknown => toldIn(rowOf(method, path), bytes(text));
    expect(made('POST', '/v1/batches', '{"id":"b","output_file_id":"f","expires_at":1}')).toEqual({
      made: [
        { kind: 'batch', id: 'b' },
        { kind: 'file', id: 'f' },
      ],
    });
    expect(made('POST', '/v1/files', '{"id":"f","expires_at":1800000000}')).toEqual({
      made: [{ kind: 'file', id: 'f' }],
      expiresAtMs: 1_800_000_000_000,
    });
    const file = '{"file":{"name":"files/f","expirationTime":"2026-11-30T00:00:00Z"}}';
    expect(made('POST', '/upload/v1beta/files', file)).toEqual({
      made: [{ kind: 'file', id: 'f' }],
      expiresAtMs: Date.UTC(2026, 10, 30),
    });
    expect(
      made('GET', '/v1beta/batches/{batch}', '{"name":"batches/b","response":{"responsesFile":"files/o"}}'),
    ).toEqual({
      made: [{ kind: 'file', id: 'o' }],
    });
  });

  test('addresses of results lead to the gateway, or nowhere', () => {
    const own = 'https://gateway.example';
    const replaced = (text: string): string => Buffer.from(withOwnAddresses(bytes(text), own).body).toString();
    expect(
      replaced('{"id":"b", "results_url": "https://api.anthropic.com/v1/messages/batches/b/results", "x": 1}'),
    ).toBe('{"id":"b", "results_url": "https://gateway.example/v1/messages/batches/b/results", "x": 1}');
    expect(replaced('{"data":[{"results_url":null},{"results_url":"https://elsewhere/x"}]}')).toBe(
      '{"data":[{"results_url":null},{"results_url":null}]}',
    );
  });
});

describe('forms', () => {
  const type = 'multipart/form-data; boundary=b';
  const part = (name: string, value: string): string =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

  test('parts are found as they stand, whatever is in them', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 5 }), (values) => {
        fc.pre(values.every((value) => !value.includes('--b')));
        const body = bytes(`${values.map((value, at) => part(`p${at}`, value)).join('')}--b--\r\n`);
        const read = formParts(type, body);
        expect(read.ok && read.value.map((each) => [each.name, each.body.toString()])).toEqual(
          values.map((value, at) => [`p${at}`, bytes(value).toString()]),
        );
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    ['two parts of a name', type, `${part('a', '1')}${part('a', '2')}--b--`],
    ['no end', type, part('a', '1')],
    ['a boundary in the middle of a line', type, `${part('a', '1')}--bc\r\n--b--`],
    ['two boundaries', `${type}; boundary=c`, `${part('a', '1')}--b--`],
    ['no name', type, '--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--'],
    ['two names', type, '--b\r\nContent-Disposition: form-data; name="a"; name="b"\r\n\r\n1\r\n--b--'],
    [
      'a name in another character set',
      type,
      `--b\r\nContent-Disposition: form-data; name*=UTF-8''a\r\n\r\n1\r\n--b--`,
    ],
    [
      'another encoding',
      type,
      '--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--b--',
    ],
    ['a folded header', type, '--b\r\nContent-Disposition: form-data;\r\n name="a"\r\n\r\n1\r\n--b--'],
  ])('%s: refused', (_, contentType, body) => {
    expect(formParts(contentType, bytes(body))).toMatchObject({ ok: false, fault: { code: 'body_bad_field' } });
  });

  test('the lines of a file for a batch are judged one by one', async () => {
    const line = (body: string): string => `{"custom_id":"1","method":"POST","url":"/v1/responses","body":${body}}`;
    const read = (...lines: string[]) => readBatchFile(bytes(lines.join('\n')));
    expect(await read(line('{"model":"m-1"}'), '', line('{"model":"m-2","conversation":"c"}'))).toEqual({
      ok: true,
      value: { models: ['m-1', 'm-2'], resources: [{ kind: 'conversation', id: 'c' }] },
    });
    const bad = [
      'nothing',
      '{"body":{"model":"m"},"Body":{"model":"n"}}',
      line('{"model":"m","model":"n"}'),
      line('{"input":"x"}'),
      line('{"model":"m","previous_response_id":"r"}'),
      line('"text"'),
    ];
    for (const each of bad) expect(await read(line('{"model":"m-1"}'), each)).toMatchObject({ ok: false });
    expect(await read(...Array.from({ length: 9 }, (_, at) => line(`{"model":"m-${at}"}`)))).toMatchObject({
      ok: false,
    });
  });
});

test('no path with an odd character in an id is any row’s', () => {
  fc.assert(
    fc.property(fc.constantFrom(...RESOURCE_ENDPOINTS), fc.string({ unit: 'grapheme', minLength: 1 }), (row, odd) => {
      fc.pre(row.path.includes('{') && !/^[A-Za-z0-9_.~:-]+$/.test(odd) && !odd.includes('/'));
      const path = row.path.replaceAll(/\{\w+\}/g, odd);
      const headers: Record<string, string> = row.api.startsWith('anthropic_') ? { 'anthropic-version': 'x' } : {};
      expect(resourceCall(row.method, path, '', (name) => headers[name])).toBeUndefined();
    }),
    { numRuns: 500 },
  );
});
