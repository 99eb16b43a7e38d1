import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Pass } from '../../../src/guardrails/rules/pass.ts';
import type { Looks } from '../../../src/guardrails/rules/pass.ts';
import { isInWord, nextPlace } from '../../../src/guardrails/rules/places.ts';
import { MORE, NONE, Reading } from '../../../src/guardrails/rules/reading.ts';
import { KeyFinder } from '../../../src/guardrails/rules/secret-keys.ts';
import { WORD } from '../../../src/guardrails/rules/view.ts';

const SEED = Number(process.env['APERTURE_TEST_SEED'] ?? 20_261_129);

const ALL: Looks = {
  email: true,
  phone: true,
  iban: true,
  card: true,
  nationalId: true,
  ipAddress: true,
  keys: new KeyFinder(['provider_key', 'cloud_key']),
  providerKey: true,
  cloudKey: true,
  privateKey: true,
  jwt: true,
};

const WORDS = fc.string({
  unit: fc.constantFrom(...Array.from('abcdefghinoprstxyzABXYZ')),
  minLength: 1,
  maxLength: 12,
});
/** How something that is looked for begins, and lengths of words about which something is said. */
const BEGINNINGS =
  'eyJ|ey|eye|ewo|ew|ewe|sk-|AKIA|sig=|sig|abcdQ~|abc8Q~|aws_secret_key|account key|x|Z|fe|fe80|AB 12 34 56 C|QQ123456C|X-1234567-L|' +
  'X1234567L|RSSMRALMBALPHLNM|DE89|mail.to|O’Brien|ü|é|中|１２|\u200b';
const LETTERS = 'AbCdEfGhJkLmNoPqRsTuVwXyZaBcDeFgHiJkLmNoPq';
/** What is found, and begins with letters alone. */
const FINDS = [
  'JT 12 34 56 C',
  'X-1234567-L',
  'fe:de::1',
  'RSSMRALMBLPHLNMA',
  'john.smith@example.com',
  'john%40example.com',
  'ey'.padEnd(12, 'n') + '@example.com',
  // {"alg":"aaa"}.{"sub":"a"}
  'eyJhbGciOiJhYWEifQ.eyJzdWIiOiJhIn0.aa',
  // {\n"alg":"aaa"} before it
  'ewoiYWxnIjoiYWFhIn0.eyJzdWIiOiJhIn0.aa',
  `ghp_${'a'.repeat(36)}`,
  `aws_secret_key = ${LETTERS.slice(0, 40)}`,
  `aws_secret_key = ${LETTERS.slice(0, 8)}+${LETTERS.slice(9, 40)}`,
  `aws_secret_key = ${LETTERS.slice(0, 8)}/${LETTERS.slice(9, 40)}`,
  `?sig=${'aB3d'.repeat(11)}%3D`,
  `a.b8Q~${'aB3d'.repeat(8)}`,
];
const LENGTHS = [8, 9, 16, 38, 39, 40, 41, 86, 200].map((chars) => 'dE'.repeat(100).slice(0, chars));
const BETWEEN = [
  '::',
  ':',
  '@',
  '%40',
  '%4',
  '%',
  '.',
  '-',
  '+',
  '/',
  '=',
  '==',
  '_',
  ' ',
  '\n',
  ',',
  '(',
  '\\n',
  '\\u00',
  '\\',
];
const PIECES = fc.oneof(
  { weight: 6, arbitrary: WORDS.map((word) => `${word} `) },
  fc.constantFrom(...BEGINNINGS.split('|'), ...LENGTHS),
  fc.constantFrom(...BETWEEN),
  WORDS,
  fc.constantFrom(...FINDS).map((find) => ` ${find} `),
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), minLength: 1, maxLength: 5 }),
);
/** Cut off somewhere: where a text goes on, what follows may decide. */
const TEXTS = fc
  .tuple(fc.array(PIECES, { minLength: 1, maxLength: 40 }), fc.nat(400))
  .map(([pieces, cut]) => pieces.join('').slice(0, cut));

interface Judged {
  found: [start: number, end: number, kind: string][];
  /** Where what follows decides; undefined where the text was judged to its end. */
  stoppedAt: number | undefined;
}

/** Judges each place that `next` gives, as `Scanner` does. */
function judged(text: string, atEnd: boolean, next: (pass: Pass, reading: Reading, from: number) => number): Judged {
  const reading = new Reading(text, atEnd, undefined);
  const pass = new Pass(ALL, reading);
  const found: Judged['found'] = [];
  for (let at = 0; ;) {
    at = next(pass, reading, at);
    if (at === reading.end) return { found, stoppedAt: undefined };
    const end = pass.judge(at);
    if (end === MORE) return { found, stoppedAt: at };
    if (end !== NONE) found.push([at, end, pass.kind]);
    at = end === NONE ? Math.max(at + 1, pass.wordEnd) : end;
    if (isInWord(reading, at)) at = reading.runEnd(at, WORD, Infinity);
  }
}

test('in plain words, which are passed over, every finder together finds nothing', () => {
  let passed = 0;
  fc.assert(
    fc.property(TEXTS, fc.boolean(), (text, atEnd) => {
      let places = 0;
      const each = judged(text, atEnd, (_, reading, from) => {
        places += 1;
        return nextPlace(reading, from);
      });
      const fewer = judged(text, atEnd, (pass, _, from) => {
        places -= 1;
        return pass.next(from);
      });
      passed += places;
      expect(fewer).toEqual(each);
    }),
    { seed: SEED, numRuns: 4_000 },
  );
  // Something was passed over, or this says nothing.
  expect(passed).toBeGreaterThan(4_000);
});
