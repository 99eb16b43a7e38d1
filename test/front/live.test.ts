import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mintExchangeId } from '../../src/contract/ids.ts';
import type { ExchangeId } from '../../src/contract/ids.ts';
import { LiveExchanges } from '../../src/front/live.ts';

const still = { refuse: () => undefined };
const IDS = Array.from({ length: 12 }, () => mintExchangeId(1));
const SUBJECTS = ['login a', 'login b', 'node n', 'model m', 'model p/m', 'token t'];

const step = fc.oneof(
  fc.record({
    do: fc.constant('add' as const),
    id: fc.constantFrom(...IDS),
    // Doubled ones too: a model can be the one asked for and a fallback.
    subjects: fc.array(fc.constantFrom(...SUBJECTS), { maxLength: 8 }),
  }),
  fc.record({ do: fc.constant('remove' as const), id: fc.constantFrom(...IDS) }),
);

test('the index says what a search of everything would, and holds nothing when nothing runs', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const live = new LiveExchanges();
      const running = new Map<ExchangeId, string[]>();
      for (const each of steps) {
        if (each.do === 'add') {
          live.add(each.id, still, each.subjects);
          running.set(each.id, each.subjects);
        } else {
          live.remove(each.id);
          running.delete(each.id);
        }
        expect(live.size).toBe(running.size);
        expect(live.subjects).toBe(new Set([...running.values()].flat()).size);
        for (const subject of SUBJECTS) {
          const expected = [...running].filter(([, subjects]) => subjects.includes(subject)).map(([id]) => id);
          expect(live.withSubject(subject).sort()).toEqual(expected.sort());
        }
      }
      for (const id of running.keys()) live.remove(id);
      expect([live.size, live.subjects]).toEqual([0, 0]);
    }),
  );
});

test('an exchange that takes the place of another has its own subjects alone', () => {
  const live = new LiveExchanges();
  const [id] = IDS as [ExchangeId];
  live.add(id, still, ['login a']);
  live.add(id, { refuse: () => undefined }, ['login b']);
  expect(live.withSubject('login a')).toEqual([]);
  expect(live.withSubject('login b')).toEqual([id]);
});
