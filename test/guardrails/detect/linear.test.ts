import { expect, test } from 'vitest';
import { PERSONAL_KINDS, SECRET_KINDS } from '../../../src/contract/guardrail.ts';
import type { TextBuiltin } from '../../../src/contract/guardrail.ts';
import { Placeholders } from '../../../src/guardrails/placeholders.ts';
import { Tally } from '../../../src/guardrails/tally.ts';
import { textDetector } from '../../../src/guardrails/text-detector.ts';
import { TextWindow } from '../../../src/guardrails/window.ts';
import { COMMON } from './common.ts';

const RULES: Record<string, TextBuiltin> = {
  personal: { kind: 'personal_data', detect: [...PERSONAL_KINDS], names: ['John Smith', 'aa aa aa ab'], ...COMMON },
  secrets: { kind: 'secrets', detect: [...SECRET_KINDS], ...COMMON },
};
/** What grows with the square shows at it as well as at a megabyte, and the suite is near its limit. */
const CHARS = 1 << 16;

function of(piece: string): string {
  return piece.repeat(Math.ceil(CHARS / piece.length)).slice(0, CHARS);
}

/** No plain words (rules/plain-words.ts), which cost next to nothing: of each of these, each finder is asked. */
const BENIGN = of(
  'The/quick/brown/fox/jumps/over/the/lazy/dog/and/const/x2 = foo/bar, 3); // see/RFC/2119/of/1997/or/so\n',
);
const header = Buffer.from('{"alg":"HS256"}').toString('base64url');
const WORST = [
  '7',
  '1 ',
  '1-',
  '1.',
  '12.',
  '1234 ',
  '0/',
  '+1',
  '(0',
  '((((',
  'a@',
  'a@a@a@',
  'a.',
  'a.a@',
  'a-',
  "a'",
  'a+',
  '@',
  '%40',
  'x%40y.',
  'a@b.c.',
  'example.com@',
  '-----BEGIN ',
  '-',
  '-----BEGIN RSA PRIVATE KEY-----\n',
  '-----BEGIN RSA PRIVATE KEY-----MIIEpAIBAAKCAQEA ',
  'A',
  'eyJ',
  'eyJ.',
  'eyJ-',
  `${header}.eyJ`,
  `-${header}.eyJ`,
  ` ${header}.eyJ`,
  'sk-',
  'sk-ant-api03-',
  'ghp_',
  'glpat-aaaaaaaaaaaaaaaaaaaaaaaa',
  'xoxb-',
  'SG.',
  'secret_',
  'key ',
  'AccountKey=',
  'abc8Q~',
  'sig=',
  'DE89 ',
  'DE89',
  'AB12 ',
  'AB 12 ',
  'X1234567',
  ':',
  '::',
  'a:',
  '1:',
  'f::',
  'a::b:',
  '\\',
  '\\n',
  '%',
  '\u200b',
  '1\u200b',
  '\u200b\u200b\u200b\u200b\u200b',
  '\u00a0',
  'é',
  '中',
  '😀',
  'john ',
  'aa ',
  'JOHN\u00a0',
  ' ',
  '\n',
  '_',
  'tel 1',
  'SSN 123456789 ',
];

function msOf(act: () => void): number {
  const began = process.cpuUsage().user;
  act();
  return (process.cpuUsage().user - began) / 1000;
}

test.each(Object.keys(RULES))(
  '%s: no text takes out of proportion longer than a benign one',
  (name) => {
    const detector = textDetector(RULES[name]!);
    const find = (text: string): number => msOf(() => detector.find(text, 0, true));
    find(BENIGN);
    const benignMs = Math.max(4, Math.min(find(BENIGN), find(BENIGN), find(BENIGN)));
    const slow = WORST.map((piece) => ({ piece, ms: find(of(piece)) })).sort((one, other) => other.ms - one.ms);
    console.log(
      `${name}: benign ${benignMs.toFixed(0)} ms, then`,
      slow
        .slice(0, 8)
        .map(({ piece, ms }) => `${JSON.stringify(piece)} ${ms.toFixed(0)}`)
        .join(', '),
    );
    // Long rows of short numbers cost 35 times as much as prose; what is read again for each character, thousands of times.
    for (const { piece, ms } of slow) expect(ms, JSON.stringify(piece)).toBeLessThan(benignMs * 100);
  },
  120_000,
);

test('single characters cost in a stream no more than in proportion, held back or not', () => {
  const perChar = (piece: string, chars: number): number => {
    const text = piece.repeat(Math.ceil(chars / piece.length)).slice(0, chars);
    const runs = Object.entries(RULES).map(([name, rule]) => ({
      name,
      action: 'redact' as const,
      shadow: false,
      detector: textDetector(rule),
      tally: new Tally({
        rule: name,
        type: rule.kind,
        side: 'response',
        shadow: false,
        matchKey: new Uint8Array(32),
        atMs: 0,
      }),
    }));
    const window = new TextWindow(runs, new Placeholders(new Uint8Array(32), 'x'), false);
    return (
      msOf(() => {
        for (const char of text) {
          window.push(char);
          window.forget(window.settled);
        }
        window.end();
      }) / chars
    );
  };
  perChar('some words ', 20_000);
  const benignMs = perChar('some words ', 20_000);
  const figures = [
    '-----BEGIN RSA PRIVATE KEY-----\n' + 'MIIEpAIBAAKCAQEA1234567890abcdef\n'.repeat(120),
    `${header}.eyJ${'a'.repeat(3900)} `,
    'a'.repeat(500) + ' ',
  ].map((piece) => perChar(piece, 20_000));
  console.log(
    `a character: ${(benignMs * 1000).toFixed(1)} us benign, ${figures.map((ms) => (ms * 1000).toFixed(1)).join(', ')} us held back`,
  );
  for (const ms of figures) expect(ms).toBeLessThan(Math.max(0.01, benignMs) * 30);
}, 120_000);
