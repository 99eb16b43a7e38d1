import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decimalText, parseDuration, parseMoney, parseRate, parseSize } from '../../config/units.ts';

test.each([
  ['0', 0],
  ['500ms', 500],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['10s', 10_000],
  ['1m0.5s', 60_500],
  ['1000us', 1],
  ['1000µs', 1],
  ['1000000ns', 1],
  ['30d', 2_592_000_000],
  ['720h', 2_592_000_000],
])('the duration %s is %i milliseconds', (text, ms) => {
  expect(parseDuration(text)).toEqual({ ok: true, value: ms });
});

test.each([
  '',
  '5',
  '-5s',
  '5 s',
  's',
  '1.s.',
  '1h 30m',
  '10sec',
  '1us',
  '0.1ms',
  '9999999999999999999h',
  '1e3s',
  'Infinity',
])('the duration "%s" is refused', (text) => {
  expect(parseDuration(text).ok).toBe(false);
});

test('any mix of units adds up to whole milliseconds', () => {
  const part = fc.nat({ max: 1000 });
  fc.assert(
    fc.property(part, part, part, part, (h, m, s, ms) => {
      const expected = h * 3_600_000 + m * 60_000 + s * 1000 + ms;
      expect(parseDuration(`${h}h${m}m${s}s${ms}ms`)).toEqual({ ok: true, value: expected });
    }),
  );
});

test('no text makes the parsers throw', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const parse of [parseDuration, parseSize, parseMoney, parseRate])
        expect(typeof parse(text).ok).toBe('boolean');
    }),
  );
});

test.each([
  ['4096', 4096],
  ['64MiB', 67_108_864],
  ['512 KiB', 524_288],
  ['4GiB', 4_294_967_296],
  ['1.5KiB', 1536],
  ['500KB', 500_000],
  ['2TB', 2_000_000_000_000],
  ['12B', 12],
])('the size %s is %i bytes', (text, bytes) => {
  expect(parseSize(text)).toEqual({ ok: true, value: bytes });
});

test.each(['', '-1', '64mib', '64 M', '1.5', '0.3KiB', '1e6', '9999999TiB', '0x10'])(
  'the size "%s" is refused',
  (text) => {
    expect(parseSize(text).ok).toBe(false);
  },
);

test('money is exact to the nanodollar', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 9_000_000_000_000_000_000n }), (nanodollars) => {
      const digits = nanodollars.toString().padStart(10, '0');
      const text = `$${digits.slice(0, -9)}.${digits.slice(-9)}`;
      expect(parseMoney(text)).toEqual({ ok: true, value: nanodollars });
    }),
  );
});

test.each([
  ['$1.50', 1_500_000_000n],
  ['$0.00', 0n],
  ['$2000', 2_000_000_000_000n],
  ['$0.000000001', 1n],
])('%s is %s nanodollars', (text, nanodollars) => {
  expect(parseMoney(text)).toEqual({ ok: true, value: nanodollars });
});

test.each(['', '1.50', '$', '$-1', '-$1', '$1.', '$1.0000000001', '$1,000', '$9300000000', '€1'])(
  'the amount "%s" is refused',
  (text) => {
    expect(parseMoney(text).ok).toBe(false);
  },
);

test.each([
  ['$5.00/day', { nanodollars: 5_000_000_000n, perMs: 86_400_000 }],
  ['$1/min', { nanodollars: 1_000_000_000n, perMs: 60_000 }],
  ['$2000.00/month', { nanodollars: 2_000_000_000_000n, perMs: 2_592_000_000 }],
  ['$1/week', { nanodollars: 1_000_000_000n, perMs: 604_800_000 }],
  ['$0.5/hour', { nanodollars: 500_000_000n, perMs: 3_600_000 }],
])('the rate %s is read', (text, rate) => {
  expect(parseRate(text)).toEqual({ ok: true, value: rate });
});

test.each(['$5.00', '$5.00/', '$5/year', '5/day', '/day', '$5/day/day'])('the rate "%s" is refused', (text) => {
  expect(parseRate(text).ok).toBe(false);
});

test.each([
  [1, '1'],
  [1.1, '1.1'],
  [0.000001, '0.000001'],
  [1.5e-7, '0.00000015'],
  [1e-9, '0.000000001'],
  [2.5e21, '2500000000000000000000'],
])('the number %d is written without an exponent', (value, text) => {
  expect(decimalText(value)).toBe(text);
});
