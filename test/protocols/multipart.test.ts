import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BodyFields } from '../../src/contract/messages.ts';
import { applySplices, modelSplice } from '../../src/protocols/body-edit.ts';
import { formTypeOf, formView, scanForm } from '../../src/protocols/form-scan.ts';
import { formParts } from '../../src/protocols/multipart.ts';
import { utf8 } from './chunks.ts';

const TYPE = 'multipart/form-data; boundary=b';
const field = (name: string, value: string, more = ''): string =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const file = (name: string, value: string): string =>
  field(name, value, '; filename="a.wav"\r\nContent-Type: audio/wav');
const form = (...parts: string[]): string => `${parts.join('')}--b--\r\n`;

function read(body: string, type = TYPE): [string, string][] | string {
  const parts = formParts(type, utf8(body));
  if (parts.ok) return parts.value.map(({ name, body: value }) => [name, value.toString()]);
  return parts.fault.code === 'body_bad_field' ? `${parts.fault.field} ${parts.fault.why}` : parts.fault.code;
}

function scan(body: string): BodyFields | string {
  const fields = scanForm(TYPE, utf8(body));
  if (fields.ok) return fields.value;
  return fields.fault.code === 'body_bad_field' ? `${fields.fault.field} ${fields.fault.why}` : fields.fault.code;
}

describe('forms are read', () => {
  test.each([
    ['with text before the first boundary', `for old readers\r\n${form(field('a', '1'))}`],
    ['with an empty line before it', `\r\n${form(field('a', '1'))}`],
    ['with text behind the last', `${form(field('a', '1'))}more\r\nand -b-`],
    ['without a last line break', form(field('a', '1')).trimEnd()],
    ['with a longer dash line before it', `-----b\r\n${form(field('a', '1'))}`],
  ])('%s', (_, body) => {
    expect(read(body)).toEqual([['a', '1']]);
  });

  test.each([
    ['boundary="b"', 'b'],
    ['boundary="b c:d=e"', 'b c:d=e'],
    ["boundary=----Web'Kit+Form_B./1", "----Web'Kit+Form_B./1"],
    ['BOUNDARY=B', 'B'],
    ['charset=UTF-8; boundary=b', 'b'],
    ['boundary=b; charset="utf-8"', 'b'],
  ])('%s', (parameter, boundary) => {
    const body = `--${boundary}\r\ncontent-disposition: FORM-DATA; NAME=a\r\n\r\n1\r\n--${boundary}--`;
    expect(read(body, `Multipart/Form-Data;  ${parameter}`)).toEqual([['a', '1']]);
  });

  test('the boundary is no boundary inside of a line', () => {
    expect(read(form(field('a', 'x--b\r\n--c\r\n --b-- -\r\n-b')))).toEqual([['a', 'x--b\r\n--c\r\n --b-- -\r\n-b']]);
  });

  test('a part with nothing in it', () => {
    expect(read(form(field('a', '')))).toEqual([['a', '']]);
  });
});

describe('what two servers could read in two ways is refused', () => {
  const model = 'Content-Disposition: form-data; name="model"';
  test.each([
    ['a boundary behind a mere line feed', form(file('file', `x\n--b\n${model}\n\nother\n`))],
    ['a boundary behind a mere carriage return', form(file('file', `x\r--b\r${model}\r\rother\r`))],
    ['a part behind the end', `${form(field('a', '1'))}${form(field('model', 'other'))}`],
    ['a mere line feed before the first', `\n${form(field('a', '1'))}`],
    ['a line that only begins with the boundary', form(field('a', `1\r\n--bc\r\n`))],
    ['an end that only begins as one', `${field('a', '1')}--b--x`],
    ['white space behind a boundary', `--b \r\n${model}\r\n\r\nm\r\n--b--`],
    ['a second header in half a line', `--b\r\nX: y\n${model}\r\n\r\nm\r\n--b--`],
    ['a header that ends in half a line', `--b\r\n${model}\r\r\n\r\nm\r\n--b--`],
    ['a zero in a header', `--b\r\n${model}\u0000\r\n\r\nm\r\n--b--`],
    ['another disposition', '--b\r\nContent-Disposition: attachment; name="a"\r\n\r\nm\r\n--b--'],
    ['two dispositions', `--b\r\n${model}\r\ncontent-disposition : form-data; name="b"\r\n\r\nm\r\n--b--`],
    ['two types', `--b\r\n${model}\r\nContent-Type: a/b\r\nContent-type: c/d\r\n\r\nm\r\n--b--`],
    ['headers without an end', `--b\r\n${model}\r\n--b--`],
    ['headers without a bound', `--b\r\nX: ${'x'.repeat(8200)}\r\n${model}\r\n\r\nm\r\n--b--`],
    ['more parts than anybody sends', form(...Array.from({ length: 65 }, (_, at) => field(`p${at}`, '1')))],
    ['no part', '--b--'],
    ['nothing', ''],
  ])('%s', (_, body) => {
    expect(typeof read(body)).toBe('string');
  });

  test.each([
    'multipart/form-data',
    'multipart/form-data; boundary=b; boundary=c',
    'multipart/form-data; charset=utf-16; boundary=b',
    'multipart/mixed; boundary=b',
    'multipart/form-data; boundary="b "',
    'multipart/form-data; boundary=""',
    `multipart/form-data; boundary=${'b'.repeat(71)}`,
    'multipart/form-data; boundary=b, multipart/form-data; boundary=b',
  ])('the type %s', (type) => {
    expect(read(form(field('a', '1')), type)).toBe('content-type must be multipart/form-data with one boundary');
  });

  test('whatever comes, it ends and does not throw', () => {
    const piece = fc.constantFrom(
      '--b',
      '\r\n',
      '\n',
      '\r',
      '--',
      field('model', 'm'),
      file('file', 'x'),
      'x',
      '"',
      ';',
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 40 }),
        (pieces) => {
          const body = utf8(pieces.join(''));
          const parts = formParts(TYPE, body);
          if (!parts.ok) return;
          for (const part of parts.value) {
            expect(part.body.equals(body.subarray(part.start, part.end))).toBe(true);
            expect(part.body.toString('latin1')).not.toMatch(/[\r\n]--b/);
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('what routing uses of a form', () => {
  test('the model, wherever it stands', () => {
    for (const parts of [
      [field('model', 'whisper-1'), file('file', 'RIFF')],
      [file('file', 'RIFF'), field('model', 'whisper-1')],
    ]) {
      expect(scan(form(...parts))).toMatchObject({
        model: 'whisper-1',
        stream: false,
        otherModels: [],
        form: { textBytes: 'whisper-1'.length, fileBytes: 'RIFF'.length },
      });
    }
    expect(scan(form(file('file', 'RIFF')))).toMatchObject({ model: undefined });
  });

  test.each([
    ['true', true],
    ['True', true],
    ['1', true],
    [' on\r\n', true],
    ['false', false],
    ['0', false],
    ['', false],
  ])('stream %j', (text, expected) => {
    expect(scan(form(field('model', 'm'), field('stream', text)))).toMatchObject({ stream: expected });
  });

  test('objects that a provider keeps', () => {
    expect(scan(form(field('model', 'm'), field('file_id', 'file-1')))).toMatchObject({
      resources: [{ kind: 'file', id: 'file-1' }],
    });
  });

  test.each([
    ['a second model', [field('model', 'a'), field('model', 'b')], 'model stands twice'],
    ['a list of models', [field('model[]', 'a')], 'model[] must be spelt "model"'],
    ['a model in another place of it', [field('model', 'a'), field('model[0]', 'b')], 'model[0] must be spelt "model"'],
    ['another spelling', [field('model', 'a'), field('Model', 'b')], 'Model must be spelt "model"'],
    ['a space behind it', [field('model', 'a'), field('model ', 'b')], 'model  must be spelt "model"'],
    ['a model as a file', [field('model', 'a', '; filename="m"')], 'model must be no file'],
    ['a prompt as a file', [field('prompt', 'a', '; filename="m"')], 'prompt must be no file'],
    ['further models', [field('model', 'a'), field('models[]', 'b')], 'models[] has no place in a form'],
    ['another character set for all', [field('_charset_', 'utf-7')], '_charset_ has no place in a form'],
    [
      'another character set',
      [field('model', 'a', '\r\nContent-Type: text/plain; charset=utf-16')],
      'model must be UTF-8',
    ],
    ['an empty model', [field('model', '')], 'model must not be empty'],
    ['a model of two lines', [field('model', 'a\r\nb')], 'model holds a character that no model name has'],
    ['a model that is none', [field('model', 'm'.repeat(257))], 'model is longer than 256 characters'],
    ['a doubtful stream', [field('stream', 'maybe')], 'stream must be true or false'],
    ['a doubtful count', [field('n', '2.0')], 'n must be a whole number'],
  ])('%s is refused', (_, parts, why) => {
    expect(scan(form(...parts))).toBe(why);
  });

  test('another character set does no harm to ASCII', () => {
    const more = '\r\nContent-Type: text/plain; charset=ISO-8859-1';
    expect(scan(form(field('model', 'm', more)))).toMatchObject({ model: 'm' });
    expect(scan(form(field('prompt', 'é', more)))).toBe('prompt must be UTF-8');
  });

  test('what is no UTF-8 is refused, but in a file', () => {
    const bytes = (part: string): Uint8Array => Buffer.from(form(part, field('model', 'm')), 'latin1');
    expect(scanForm(TYPE, bytes(field('prompt', '\xff')))).toMatchObject({
      fault: { field: 'prompt', why: 'is not UTF-8' },
    });
    expect(scanForm(TYPE, bytes(file('image[]', '\xff')))).toMatchObject({ ok: true });
  });

  test('another name for the model changes those bytes and no others', () => {
    const body = utf8(
      form(file('file', 'openai/whisper-1\r\n--x'), field('model', 'openai/whisper-1'), field('z', 'é')),
    );
    const fields = scanForm(TYPE, body);
    if (!fields.ok) throw new Error('it is a form');
    const edited = applySplices(body, modelSplice(fields.value, 'whisper-1'));
    expect(Buffer.from(edited).toString()).toBe(
      form(file('file', 'openai/whisper-1\r\n--x'), field('model', 'whisper-1'), field('z', 'é')),
    );
    expect(modelSplice(fields.value, 'openai/whisper-1')).toEqual([]);
  });

  test('as JSON, for rules and hooks', () => {
    const body = form(
      field('prompt', 'a "cat"'),
      field('n', '2'),
      field('stream', 'false'),
      field('include[]', 'a'),
      field('include[]', 'b'),
      file('image[]', 'PNG'),
    );
    expect(formView(TYPE, utf8(body))).toEqual({
      prompt: 'a "cat"',
      n: 2,
      stream: false,
      include: ['a', 'b'],
      image: [{ filename: 'a.wav', content_type: 'audio/wav', bytes: 3 }],
    });
  });

  test('only where the API takes a form, and the header says that it is one', () => {
    const type = (api: Parameters<typeof formTypeOf>[0], ...types: string[]): string | undefined =>
      formTypeOf(
        api,
        types.map((value): [string, string] => ['content-type', value]),
      );
    expect(type('openai_images', TYPE)).toBe(TYPE);
    expect(type('openai_images', 'application/json')).toBeUndefined();
    expect(type('openai_chat', TYPE)).toBeUndefined();
    // A form to some, and to others none: it is no form that is taken.
    expect(type('openai_images', 'application/x-www-form-urlencoded')).toBeDefined();
    expect(read(form(field('a', '1')), type('openai_images', 'application/json', TYPE))).toContain('content-type');
  });
});
