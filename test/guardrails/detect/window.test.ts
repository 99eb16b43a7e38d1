import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TextAction } from '../../../src/contract/guardrail.ts';
import type { TextDetector, TextMatch } from '../../../src/guardrails/detector.ts';
import { Placeholders } from '../../../src/guardrails/placeholders.ts';
import { Tally } from '../../../src/guardrails/tally.ts';
import { TextWindow } from '../../../src/guardrails/window.ts';
import type { Cut, TextRun } from '../../../src/guardrails/window.ts';

const KEY = new Uint8Array(32).fill(7);
const LOGIN = 'alice@example.com';

/** Finds words of letters; waits `lag` characters longer than it has to, as patterns do. */
function words(list: string[], lag: number): TextDetector & { all(text: string): TextMatch[] } {
  const all = (text: string): TextMatch[] => {
    const matches: TextMatch[] = [];
    for (let at = 0; at < text.length;) {
      const word = list.find((one) => text.startsWith(one, at));
      if (word !== undefined) matches.push({ start: at, end: at + word.length, kind: word.toLowerCase() });
      at += word?.length ?? 1;
    }
    return matches;
  };
  const longest = Math.max(...list.map((word) => word.length));
  return {
    all,
    find: (text, from, atEnd) => {
      const limit = atEnd ? text.length : Math.max(from, text.length - longest - lag);
      const matches: TextMatch[] = [];
      let at = from;
      while (at < limit) {
        const word = list.find((one) => text.startsWith(one, at));
        if (word !== undefined) matches.push({ start: at, end: at + word.length, kind: word.toLowerCase() });
        at += word?.length ?? 1;
      }
      return { matches, settled: Math.max(at, from) };
    },
  };
}

interface Rule {
  name: string;
  action: TextAction;
  shadow: boolean;
  detector: ReturnType<typeof words>;
}

const rule = fc
  .record({
    action: fc.constantFrom<TextAction>('redact', 'tokenise', 'block', 'flag'),
    shadow: fc.boolean().map((one) => one),
    list: fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 5 }), {
      minLength: 1,
      maxLength: 3,
    }),
    lag: fc.nat({ max: 9 }),
  })
  .map(({ list, lag, ...rest }) => ({ ...rest, detector: words(list, lag) }));

function runsOf(rules: Rule[]): TextRun[] {
  return rules.map((one) => ({
    ...one,
    tally: new Tally({ rule: one.name, type: 'words', side: 'response', shadow: one.shadow, matchKey: KEY, atMs: 0 }),
  }));
}

/** Pushes the pieces; takes what is settled each time, as a stream does. */
function through(window: TextWindow, pieces: string[]): Cut[] {
  const taken: Cut[] = [];
  let upTo = 0;
  const take = (): void => {
    expect(window.settled).toBeGreaterThanOrEqual(upTo);
    for (const cut of window.cuts.filter(({ end }) => end <= window.settled)) {
      // What was let go before is never changed afterwards.
      expect(cut.start).toBeGreaterThanOrEqual(upTo);
      upTo = cut.end;
      taken.push(cut);
    }
    upTo = window.settled;
    window.forget(upTo);
  };
  for (const piece of pieces) {
    window.push(piece);
    take();
  }
  window.end();
  take();
  expect(window.settled).toBe(window.length);
  return taken;
}

/** Written from the words of the contract, character by character: who of those that cover a place has it. */
function expected(rules: Rule[], known: Placeholders, text: string): Cut[] {
  const acting = rules.filter(({ action, shadow }) => !shadow && action !== 'flag');
  const order = [
    ...acting.filter(({ action }) => action === 'block'),
    ...acting.filter(({ action }) => action !== 'block'),
  ];
  const finds = order.flatMap((one) => one.detector.all(text).map((match) => ({ ...match, rule: one })));
  const owners = Array.from({ length: text.length }, (_, at) =>
    finds.find(({ start, end }) => start <= at && at < end),
  );
  const cuts: Cut[] = [];
  for (let at = 0; at < text.length; at++) {
    const owner = owners[at];
    if (owner === undefined) continue;
    const start = at;
    while (owners[at + 1] === owner) at += 1;
    const value = text.slice(start, at + 1);
    const { action, name } = owner.rule;
    const redacted = `[redacted:${owner.kind}]`;
    cuts.push({
      start,
      end: at + 1,
      kept: action === 'block' ? '' : action === 'tokenise' ? known.of(owner.kind, value) : redacted,
      sent: action === 'block' ? '' : action === 'tokenise' ? value : redacted,
      blockedBy: action === 'block' ? name : undefined,
    });
  }
  return cuts;
}

test('what several rules cut does not depend on how the text comes, and is what the contract says', () => {
  let cutCount = 0;
  fc.assert(
    fc.property(
      fc.array(rule, { minLength: 1, maxLength: 4 }),
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' '), maxLength: 12 }), { maxLength: 12 }),
      (drawn, pieces) => {
        const rules = drawn.map((one, index) => ({ ...one, name: `rule${index}` }));
        const text = pieces.join('');
        const whole = runsOf(rules);
        const split = runsOf(rules);
        const oracle = expected(rules, new Placeholders(KEY, LOGIN), text);
        expect(through(new TextWindow(whole, new Placeholders(KEY, LOGIN), false), [text])).toEqual(oracle);
        expect(through(new TextWindow(split, new Placeholders(KEY, LOGIN), false), pieces)).toEqual(oracle);
        expect(through(new TextWindow(runsOf(rules), new Placeholders(KEY, LOGIN), false), Array.from(text))).toEqual(
          oracle,
        );
        for (const [index, { detector }] of rules.entries()) {
          const counted = Object.values(split[index]!.tally.verdict('flag', 0).counts).reduce(
            (sum, one) => sum + one,
            0,
          );
          expect(counted).toBe(detector.all(text).length);
        }
        cutCount += oracle.length;
      },
    ),
    { numRuns: 1000 },
  );
  expect(cutCount).toBeGreaterThan(1000);
});

test('placeholders become values for the client and stay for the journal, wherever the text is cut', () => {
  const known = new Placeholders(KEY, LOGIN);
  const email = known.of('email', 'bob@example.com');
  const odd = known.of('word', email);
  const text = `Write to ${email}, x${email}s or USER_${email}; not ${email.slice(0, -1)} nor EMAIL_${'0'.repeat(16)}; ${odd}${email}`;
  const restored = text.replaceAll(odd, '\u0000').replaceAll(email, 'bob@example.com').replaceAll('\u0000', email);
  for (let at = 0; at <= text.length; at++) {
    const window = new TextWindow([], known, true);
    const cuts = through(window, [text.slice(0, at), text.slice(at)]);
    expect(put(text, cuts, 'sent')).toBe(restored);
    expect(put(text, cuts, 'kept')).toBe(text);
  }
  expect(put(text, through(new TextWindow([], known, true), Array.from(text)), 'sent')).toBe(restored);
});

function put(text: string, cuts: Cut[], as: 'kept' | 'sent'): string {
  let out = '';
  let at = 0;
  for (const cut of cuts) {
    out += text.slice(at, cut.start) + cut[as];
    at = cut.end;
  }
  return out + text.slice(at);
}

test('a placeholder is held back as long as it may become one, and no longer', () => {
  const known = new Placeholders(KEY, LOGIN);
  const email = known.of('email', 'bob@example.com');
  const window = new TextWindow([], known, true);
  window.push('Is E');
  expect(window.settled).toBe(3);
  window.push('ast');
  expect(window.settled).toBe(7);
  window.push(` ${email.slice(0, 10)}`);
  expect(window.settled).toBe(8);
  window.push('!');
  expect(window.settled).toBe(window.length);
});

test('the same value of a login has the same placeholder in every process, another value or login another one', () => {
  const one = new Placeholders(KEY, LOGIN);
  expect(one.of('email', 'a@b.co')).toBe(new Placeholders(KEY, LOGIN).of('email', 'a@b.co'));
  expect(one.of('email', 'a@b.co')).toMatch(/^EMAIL_[0-9a-f]{16}$/);
  const others = [
    one.of('email', 'a@b.cc'),
    one.of('phone', 'a@b.co'),
    new Placeholders(KEY, 'eve@example.com').of('email', 'a@b.co'),
    new Placeholders(new Uint8Array(32), LOGIN).of('email', 'a@b.co'),
  ];
  expect(new Set([...others.map((other) => other.slice(-16)), one.of('email', 'a@b.co').slice(-16)]).size).toBe(5);
  expect(new Placeholders(KEY, LOGIN, one.entries()).valueOf(one.of('email', 'a@b.co'))).toBe('a@b.co');
});

test('what is released is let go of: a long stream holds no more than its window', () => {
  const window = new TextWindow(
    runsOf([{ name: 'one', action: 'redact', shadow: false, detector: words(['abc'], 0) }]),
    new Placeholders(KEY, LOGIN),
    false,
  );
  for (let at = 0; at < 2000; at++) {
    window.push('x abc yz ');
    for (const cut of window.cuts) expect(cut.end - cut.start).toBe(3);
    window.forget(window.settled);
    expect(window.length - window.settled).toBeLessThan(16);
    expect(window.cuts.length).toBeLessThan(3);
  }
  expect(window.length).toBe(18_000);
});
