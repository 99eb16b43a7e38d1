import { describe, expect, test } from 'vitest';
import type { TextAction } from '../../../src/contract/guardrail.ts';
import { everyByte } from '../../protocols/chunks.ts';
import { randomCuts, seeded, strides } from '../../protocols/fixtures.ts';
import { DIALECTS, read } from './dialects.ts';
import type { Dialect } from './dialects.ts';
import { SECRET, guarded, knownPlaceholders, splits, wordRule } from './support.ts';

const TEXT = `To ${SECRET}, "é".`;
const REDACTED = 'To [redacted:word], "é".';
const PLACEHOLDER = knownPlaceholders().of('word', SECRET);
const TOKENISED = `To ${PLACEHOLDER}, "é".`;

function guard(dialect: Dialect, body: Buffer, action: TextAction, chunks: Iterable<Uint8Array> = [body]) {
  return guarded(dialect.api, chunks, { contentType: dialect.contentType, rules: [wordRule({ action })] });
}

describe.each(DIALECTS)('$name', (dialect) => {
  test('a forbidden text split at any place over events is redacted, on both sides', () => {
    for (const pieces of splits(TEXT)) {
      const { kept, sent, refused, verdicts } = guard(dialect, dialect.text(pieces), 'redact');
      expect(refused).toBeUndefined();
      expect(sent).not.toContain(SECRET);
      expect(kept).toBe(sent);
      expect(read(dialect, sent)).toMatchObject({ text: REDACTED, complete: true, usage_state: 'final' });
      expect(verdicts).toMatchObject([{ action: 'redact', counts: { word: 1 }, scanned: ['assistant'] }]);
    }
  });

  test('character by character, and in any chunks of bytes, the same', () => {
    const body = dialect.text(Array.from(TEXT));
    const whole = guard(dialect, body, 'redact');
    expect(read(dialect, whole.sent).text).toBe(REDACTED);
    expect(guard(dialect, body, 'redact', everyByte(body)).sent).toBe(whole.sent);
    const random = seeded(7);
    for (let i = 0; i < 20; i++) {
      expect(guard(dialect, body, 'redact', randomCuts(body, random)).sent).toBe(whole.sent);
    }
  });

  test('tokenised, the placeholder is kept and the client has the value', () => {
    for (const pieces of splits(TEXT)) {
      const { kept, sent } = guard(dialect, dialect.text(pieces), 'tokenise');
      expect(kept).not.toContain(SECRET);
      expect(read(dialect, kept).text).toBe(TOKENISED);
      expect(read(dialect, sent).text).toBe(TEXT);
    }
  });

  test('a block ends the stream before the first character of the match', () => {
    for (const pieces of splits(TEXT)) {
      const body = dialect.text(pieces);
      const { kept, sent, refused, verdicts } = guard(dialect, body, 'block', strides(body, 13, 5));
      expect(refused).toEqual({
        code: 'guardrail_blocked',
        rule: 'no-mail',
        side: 'response',
        status: 403,
        message: 'not allowed here',
      });
      expect(kept).toBe(sent);
      expect('To '.startsWith(read(dialect, sent).text)).toBe(true);
      expect(body.toString('utf8').startsWith(sent)).toBe(true);
      expect(verdicts).toMatchObject([{ action: 'block', counts: { word: 1 } }]);
      expect(JSON.stringify(verdicts)).not.toContain(SECRET);
    }
  });

  test('a flag and a shadow change nothing', () => {
    const body = dialect.text([TEXT.slice(0, 12), TEXT.slice(12)]);
    for (const rule of [wordRule({ action: 'flag' }), wordRule({ action: 'block', shadow: true })]) {
      const { sent, kept, refused, verdicts } = guarded(dialect.api, [body], {
        contentType: dialect.contentType,
        rules: [rule],
      });
      expect(refused).toBeUndefined();
      expect(sent).toBe(body.toString('utf8'));
      expect(kept).toBe(sent);
      expect(verdicts).toMatchObject([{ counts: { word: 1 } }]);
    }
  });

  test('placeholders of the request become values again, whatever the pieces', () => {
    const value = 'Zoë "the"\nboss\\';
    const known: [string, string][] = [['NAME_00112233445566aa', value]];
    for (const pieces of splits('Dear NAME_00112233445566aa, hello')) {
      const body = dialect.text(pieces);
      const { kept, sent } = guarded(dialect.api, [body], { contentType: dialect.contentType, known });
      expect(kept).toBe(body.toString('utf8'));
      expect(read(dialect, sent).text).toBe(`Dear ${value}, hello`);
    }
  });

  test('a text that might become forbidden waits, and no longer than it might', () => {
    const pieces = ['Write to ', 'alice', '@home', ' today'];
    const body = dialect.text(pieces);
    const cuts = guard(dialect, body, 'redact', everyByte(body));
    expect(cuts.sent).toBe(body.toString('utf8'));
    const home = body.indexOf('@home') + '@home'.length;
    const alice = body.indexOf('alice') + 'alice'.length;
    // At the end of "alice" nothing of that event has gone out, at the end of the event with "@home" all has.
    expect(cuts.sentBytesAfter[alice]).toBeLessThanOrEqual(alice);
    const after = cuts.sentBytesAfter.findIndex((bytes) => bytes > home);
    expect(after).toBeGreaterThanOrEqual(home);
    expect(after - home).toBeLessThan(300);
  });
});

const ARGUMENTS = JSON.stringify({ to: SECRET, n: 'a"é', m: 1 });
const ESCAPED = ARGUMENTS.replace('@', '\\u0040');

describe.each(DIALECTS.flatMap((dialect) => (dialect.call === undefined ? [] : [{ ...dialect, call: dialect.call }])))(
  '$name, tool calls',
  (dialect) => {
    const argumentsOf = (body: string): unknown => JSON.parse(read(dialect, body).tool_calls[0]?.arguments ?? '');
    const redacted = { to: '[redacted:word]', n: 'a"é', m: 1 };

    test('arguments split at any place, inside of escapes too, are redacted and stay JSON', () => {
      for (const text of [ARGUMENTS, ESCAPED]) {
        for (const pieces of splits(text)) {
          const { kept, sent, verdicts } = guard(dialect, dialect.call(pieces), 'redact');
          expect(sent).not.toContain('example.com');
          expect(kept).toBe(sent);
          expect(argumentsOf(sent)).toEqual(redacted);
          expect(verdicts).toMatchObject([{ action: 'redact', counts: { word: 1 }, scanned: ['tool_call'] }]);
        }
      }
    });

    test('tokenised, the journal has the placeholder and the client the value', () => {
      for (const pieces of splits(ESCAPED)) {
        const { kept, sent } = guard(dialect, dialect.call(pieces), 'tokenise');
        expect(kept).not.toContain('example.com');
        expect(argumentsOf(kept)).toEqual({ ...redacted, to: PLACEHOLDER });
        expect(argumentsOf(sent)).toEqual({ ...redacted, to: SECRET });
      }
    });

    test('a block lets nothing of the match out', () => {
      for (const pieces of splits(ARGUMENTS)) {
        const body = dialect.call(pieces);
        const { sent, refused } = guard(dialect, body, 'block', strides(body, 13, 5));
        expect(refused).toMatchObject({ code: 'guardrail_blocked' });
        expect(sent).not.toContain('alice');
        expect(body.toString('utf8').startsWith(sent)).toBe(true);
      }
    });

    test('values are put back as JSON has them', () => {
      const value = 'Zoë "the"\nboss\\';
      const known: [string, string][] = [['NAME_00112233445566aa', value]];
      for (const pieces of splits('{"to":"NAME_00112233445566aa","NAME_00112233445566aa":1}')) {
        const body = dialect.call(pieces);
        const { kept, sent } = guarded(dialect.api, [body], { contentType: dialect.contentType, known });
        expect(kept).toBe(body.toString('utf8'));
        expect(argumentsOf(sent)).toEqual({ to: value, [value]: 1 });
      }
    });
  },
);
