import { expect, test } from 'vitest';
import type { Revocation } from '../../src/contract/control.ts';
import type { Fault } from '../../src/contract/fault.ts';
import { mintExchangeId } from '../../src/contract/ids.ts';
import type { ExchangeId } from '../../src/contract/ids.ts';
import { KillSwitch } from '../../src/front/kill-switch.ts';
import { LiveExchanges } from '../../src/front/live.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { HandClock } from '../support/hand-clock.ts';
import { until } from '../support/until.ts';

const ALICE: Revocation = {
  id: 'r1',
  kind: 'login',
  value: 'alice@example.com',
  reason: 'laptop stolen',
  by: 'root@example.com',
  createdAtMs: 0,
  untilMs: null,
};

interface Watched {
  sessions: string[];
  report: (exchange: ExchangeId, session: string) => void;
}

function build(clock = systemClock) {
  const live = new LiveExchanges();
  const watched: Watched = { sessions: [], report: () => undefined };
  const killSwitch = new KillSwitch({
    clock,
    live,
    watchers: {
      watchSessions(sessions, found) {
        watched.sessions = [...sessions];
        watched.report = found;
      },
    },
  });
  return { live, killSwitch, watched };
}

function run(live: LiveExchanges, subjects: string[], work: () => void = () => undefined) {
  const id = mintExchangeId(systemClock.nowMs());
  const faults: Fault[] = [];
  live.add(
    id,
    {
      refuse(fault) {
        faults.push(fault);
        work();
        live.remove(id);
      },
    },
    subjects,
  );
  return { id, faults };
}

const REVOKED: Fault = { code: 'revoked', kind: 'login', reason: 'laptop stolen' };

test('what runs and is named ends once, what is not goes on, and lifting lets new ones in', () => {
  const { live, killSwitch } = build();
  const hers = run(live, ['login alice@example.com', 'model m']);
  const his = run(live, ['login bob@example.com', 'model m']);
  killSwitch.reconfigure({ tokens: [], revocations: [ALICE] });
  killSwitch.reconfigure({ tokens: [], revocations: [ALICE] });
  expect(hers.faults).toEqual([REVOKED]);
  expect(his.faults).toEqual([]);
  expect(killSwitch.judge(['login alice@example.com'])).toEqual(REVOKED);
  expect(killSwitch.judge(['login bob@example.com'])).toBeUndefined();
  expect([killSwitch.ended, killSwitch.inForce]).toEqual([1, 1]);
  killSwitch.reconfigure({ tokens: [], revocations: [] });
  expect(killSwitch.judge(['login alice@example.com'])).toBeUndefined();
});

test('a revocation that has run out neither refuses nor ends anything', () => {
  const clock = new HandClock();
  const { live, killSwitch } = build(clock);
  const brief = { ...ALICE, untilMs: clock.nowMs() + 1000 };
  killSwitch.reconfigure({ tokens: [], revocations: [brief] });
  clock.advance(1000);
  expect(killSwitch.judge(['login alice@example.com'])).toBeUndefined();
  const hers = run(live, ['login alice@example.com']);
  killSwitch.reconfigure({ tokens: [], revocations: [brief] });
  expect(hers.faults).toEqual([]);
  expect(killSwitch.inForce).toBe(0);
});

test('inspectors watch for sessions only while one is revoked, and what they report late is judged again', () => {
  const clock = new HandClock();
  const { live, killSwitch, watched } = build(clock);
  const first = run(live, []);
  const second = run(live, []);
  const session: Revocation = { ...ALICE, kind: 'session', value: 's1', untilMs: clock.nowMs() + 1000 };
  expect(killSwitch.judgesSessions).toBe(false);
  killSwitch.reconfigure({ tokens: [], revocations: [session] });
  expect(killSwitch.judgesSessions).toBe(true);
  expect(watched.sessions).toEqual(['s1']);
  watched.report(first.id, 's1');
  expect(first.faults).toEqual([{ ...REVOKED, kind: 'session' }]);
  watched.report(mintExchangeId(1), 's1');
  clock.advance(1000);
  expect(killSwitch.judgesSessions).toBe(false);
  watched.report(second.id, 's1');
  expect(second.faults).toEqual([]);
  killSwitch.reconfigure({ tokens: [], revocations: [] });
  expect(watched.sessions).toEqual([]);
});

test('10,000 exchanges end in slices: the loop has a turn every few milliseconds', async () => {
  const { live, killSwitch } = build();
  // What `refuse` of a real exchange takes: 65 µs of the main thread, most of it closing the upstream's socket.
  const work = (): void => {
    const untilMs = performance.now() + 0.065;
    while (performance.now() < untilMs);
  };
  const ended = Array.from({ length: 10_000 }, () => run(live, ['login alice@example.com', 'model m'], work));
  const bystander = run(live, ['login bob@example.com', 'model m']);
  let longestMs = 0;
  let lastMs = performance.now();
  let turns = 0;
  const beat = (): void => {
    turns += 1;
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
    if (live.size > 1) setImmediate(beat);
  };
  const startedMs = performance.now();
  setImmediate(beat);
  killSwitch.reconfigure({ tokens: [], revocations: [ALICE] });
  await until('all have ended', () => live.size === 1);
  const tookMs = performance.now() - startedMs;
  console.log(`10,000 ended in ${tookMs.toFixed(0)} ms, ${turns} turns, longest ${longestMs.toFixed(1)} ms`);
  expect(ended.every(({ faults }) => faults.length === 1)).toBe(true);
  expect(bystander.faults).toEqual([]);
  expect(live.subjects).toBe(2);
  expect(turns).toBeGreaterThan(20);
  // 0.7 s on an idle machine; the bound leaves room for one that is busy with other tests.
  expect(tookMs).toBeLessThan(10_000);
});
