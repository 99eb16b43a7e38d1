import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TextAction, TextBuiltin } from '../../../src/contract/guardrail.ts';
import { PERSONAL_KINDS, SECRET_KINDS, WINDOW_CHARS } from '../../../src/contract/guardrail.ts';
import { CONTEXT_CHARS } from '../../../src/guardrails/detector.ts';
import type { TextDetector, TextMatch } from '../../../src/guardrails/detector.ts';
import { textDetector } from '../../../src/guardrails/text-detector.ts';
import { cases } from '../../support/cases.ts';

const COMMON = { sides: ['request' as const], shadow: false, message: '', statusCode: 403, thinking: false };
const action: TextAction = 'redact';

function personal(detect: (typeof PERSONAL_KINDS)[number][]): TextBuiltin {
  return { kind: 'personal_data', detect, names: ['John Smith', 'José García', 'Li', '王小明'], action, ...COMMON };
}

const RULES: [string, TextBuiltin][] = [
  ['all personal data', personal([...PERSONAL_KINDS])],
  ...PERSONAL_KINDS.map((kind): [string, TextBuiltin] => [kind, personal([kind])]),
  ['all secrets', { kind: 'secrets', detect: [...SECRET_KINDS], action, ...COMMON }],
  ...SECRET_KINDS.map((kind): [string, TextBuiltin] => [kind, { kind: 'secrets', detect: [kind], action, ...COMMON }]),
  [
    'words',
    {
      kind: 'words',
      words: ['he', 'she sells', 'hers', 'project falcon', 'con', 'é'],
      caseSensitive: false,
      wholeWords: false,
      action,
      ...COMMON,
    },
  ],
  [
    'whole words',
    {
      kind: 'words',
      words: ['he', 'she sells', 'hers', 'project falcon', 'con', 'é'],
      caseSensitive: true,
      wholeWords: true,
      action,
      ...COMMON,
    },
  ],
  [
    'patterns',
    {
      kind: 'regex',
      patterns: [
        { name: 'number', pattern: '[0-9]{2,}' },
        { name: 'line', pattern: 'A.*B' },
        { name: 'end', pattern: '\\bfalcon\\b|con$' },
        { name: 'either', pattern: '(?:a+b)|aa' },
      ],
      window: 12,
      action,
      ...COMMON,
    },
  ],
];

const jwt = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${Buffer.from('{"sub":"1"}').toString('base64url')}.c2lnbmF0dXJl`;
const encrypted = `${Buffer.from('{"alg":"dir","enc":"A256GCM"}').toString('base64url')}..aXZpdml2aXY.dGV4dA.dGFndGFn`;
const pem = `-----BEGIN RSA PRIVATE KEY-----\n${'MIIEpAIBAAKCAQEA1234567890abcdef\n'.repeat(4)}abc=\n-----END RSA PRIVATE KEY-----`;

/** Matches, near misses and what stands between them. */
const PIECES = [
  'john.doe+x@example.com',
  'a%40b.co',
  'x@y',
  '@',
  "o'brien@mail.example.co.uk",
  'icon@2x.png',
  'info@例子.中国',
  '联系',
  '4111 1111 1111 1111',
  '4111111111111111',
  '4111111111111112',
  '3782-822463-10005',
  '1234 ',
  '4111\u200b1111\u200b11111111',
  'DE89 3704 0044 0532 0130 00',
  'GB29NWBK60161331926819',
  'DE88370400440532013000',
  'NL',
  'Ab12',
  '123-45-6789',
  '12345678Z',
  'X1234567L',
  'AB 12 34 56 C',
  'AB123456C',
  '131052-308T',
  'RSSMRA85T10A562S',
  '943 476 5919',
  '756.9217.0769.85',
  '2345 6789 0124',
  'phone_number: ',
  'FileVersion("',
  'SSN ',
  'BSN: ',
  '111222333',
  '10.0.0.1',
  '1.2.3.4.5',
  'v',
  '2001:db8::1',
  '::1',
  'fe80::1%eth0',
  '12:30:45',
  '00:11:22:33:44:55',
  'a::b',
  '+49 (0)30 123456',
  '(415) 555-2671',
  '06 12 34 56 78',
  'tel. ',
  '030/1234567',
  'John Smith',
  'john\u00a0 smith',
  'JOSÉ GARCÍA',
  'Li',
  '王小明',
  'Liam',
  `sk-ant-api03-${'aB3_'.repeat(23)}AA`,
  `ghp_${'a1B2'.repeat(9)}`,
  'sk-',
  'sk-live',
  `AIza${'x'.repeat(35)}`,
  'xoxb-1234567890-abcDEF',
  'AKIAIOSFODNN7EXAMPLE',
  'aws_secret_access_key=',
  'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  'abc8Q~abcdefghijklmnopqrstuvwxyz12345',
  `sig=${'a'.repeat(43)}%3D`,
  'aws_secret_access_key=/',
  'JalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  `1234567890:AA${'b-C4'.repeat(8)}x`,
  `https://hooks.slack.com/services/T01234567/B01234567/${'aB3d'.repeat(6)}`,
  `MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe.${'aB3_'.repeat(7)}`,
  `ABSK${'aB3/'.repeat(27)}`,
  'ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
  'https://',
  'AccountKey=',
  `${'A'.repeat(86)}==`,
  jwt,
  jwt.slice(0, 30),
  encrypted,
  encrypted.slice(0, -20),
  'eyJ',
  'ewo',
  pem,
  pem.slice(0, 90),
  '-----BEGIN ',
  '-----BEGIN CERTIFICATE-----',
  '-----',
  '-----END RSA PRIVATE KEY-----',
  'she  sells',
  'ushers',
  'project\nfalcon',
  'falcon',
  'con',
  'é',
  'e\u0301',
  'aaab',
  'aaaa',
  'A..B',
  'A...............B',
  ' ',
  '\n',
  '\\n',
  '%20',
  '%',
  '\\',
  '.',
  ',',
  '-',
  '/',
  ':',
  '"',
  "'",
  '(',
  '+',
  '0',
  '7',
  'a',
  'Z',
  '_',
  '\u200b',
  '\u00a0',
  '–',
  '😀',
  'and ',
  'the order 1234567890 ',
  '2024-01-01 ',
];
const text = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...PIECES) },
      { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
    ),
    { maxLength: 24 },
  )
  .map((pieces) => pieces.join(''));

/** The detector is called for each cut with what a window would keep: context, and what is not settled. */
function found(detector: TextDetector, whole: string, cuts: number[]): TextMatch[] {
  const ends = [...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
  const matches: TextMatch[] = [];
  let settled = 0;
  let open: string | undefined;
  for (const [index, end] of ends.entries()) {
    const base = Math.max(0, settled - CONTEXT_CHARS);
    const answer = detector.find(whole.slice(base, end), settled - base, index === ends.length - 1, open);
    for (const match of answer.matches) {
      expect(match.start + base).toBeGreaterThanOrEqual(matches.at(-1)?.end ?? 0);
      expect(match.end).toBeLessThanOrEqual(answer.settled);
      matches.push({ ...match, start: match.start + base, end: match.end + base });
    }
    expect(answer.settled + base).toBeGreaterThanOrEqual(settled);
    expect(end - base - answer.settled).toBeLessThanOrEqual(WINDOW_CHARS);
    settled = answer.settled + base;
    open = answer.open;
  }
  expect(settled).toBe(whole.length);
  return matches;
}

test.each(RULES)('%s: what is found does not depend on how the text comes', (_name, builtin) => {
  const detector = textDetector(builtin);
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 12 }), (whole, cuts) => {
      expect(found(detector, whole, cuts)).toEqual(detector.find(whole, 0, true).matches);
    }),
    { numRuns: cases(400) },
  );
});

test.each(RULES)('%s: each character alone finds the same', (_name, builtin) => {
  const detector = textDetector(builtin);
  fc.assert(
    fc.property(text, (whole) => {
      const each = Array.from({ length: whole.length }, (_, at) => at);
      expect(found(detector, whole, each)).toEqual(detector.find(whole, 0, true).matches);
    }),
    { numRuns: cases(40) },
  );
});

test('a key or token that outgrows the window is found in pieces up to its end', () => {
  const detector = textDetector({ kind: 'secrets', detect: [...SECRET_KINDS], action, ...COMMON });
  const key = `-----BEGIN PRIVATE KEY-----\n${'MIIEpAIBAAKCAQEA1234567890abcdef\n'.repeat(300)}-----END PRIVATE KEY-----`;
  const payload = Buffer.from(`{"sub":"${'x'.repeat(9000)}"}`).toString('base64url');
  const token = `${Buffer.from('{"alg":"HS256"}').toString('base64url')}.${payload}.c2ln`;
  for (const secret of [key, token]) {
    const whole = `so ${secret} it is`;
    const matches = detector.find(whole, 0, true).matches;
    expect(matches.map(({ start }) => start)).toEqual([3, 3 + WINDOW_CHARS, 3 + 2 * WINDOW_CHARS]);
    expect(matches.at(-1)?.end).toBe(3 + secret.length);
    const cuts = Array.from({ length: 60 }, (_, at) => at * 217);
    expect(found(detector, whole, cuts)).toEqual(matches);
  }
});
