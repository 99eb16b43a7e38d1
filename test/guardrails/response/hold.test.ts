import { expect, test } from 'vitest';
import type { Fault } from '../../../src/contract/fault.ts';
import { ruleId } from '../../../src/contract/ids.ts';
import type { AnswerJudged } from '../../../src/guardrails/hooks/judge-answer.ts';
import type { Released } from '../../../src/guardrails/response/guard.ts';
import { AnswerHold } from '../../../src/guardrails/response/hold.ts';
import { until } from '../../support/until.ts';

const REFUSED: Fault = { code: 'guardrail_unavailable', rule: ruleId('far'), why: 'so' };

interface Made {
  hold: AnswerHold;
  asked: string[];
  gaveUp: string[];
  late: string[];
}

function made(
  options: { limitMs?: number; judged?: AnswerJudged; open?: boolean; ask?: () => Promise<void> } = {},
): Made {
  const { judged = { verdicts: [], fault: undefined }, open = true } = options;
  const asked: string[] = [];
  const gaveUp: string[] = [];
  const late: string[] = [];
  const hold = new AnswerHold({
    limitBytes: 20,
    limitMs: options.limitMs,
    ask: async (body) => {
      asked.push(Buffer.from(body).toString());
      await options.ask?.();
      return judged;
    },
    unjudged: (why) => {
      gaveUp.push(why);
      return { verdicts: [], fault: open ? undefined : REFUSED };
    },
    restored: (body) => [released(Buffer.from(body).toString(), 'restored')],
    onLate: (why) => late.push(why),
  });
  return { hold, asked, gaveUp, late };
}

function released(kept: string, sent?: string): Released {
  const bytes = (text: string): Uint8Array<ArrayBuffer>[] => [new Uint8Array(Buffer.from(text))];
  return { kept: bytes(kept), sent: sent === undefined ? undefined : bytes(sent), refused: undefined };
}

function text({ kept, sent }: Released): [string, string] {
  return [Buffer.concat(kept).toString(), Buffer.concat(sent ?? kept).toString()];
}

test('what is allowed goes on as it came: what is kept, and what the client gets', async () => {
  const { hold, asked } = made();
  expect(text(hold.take(released('one ')))).toEqual(['', '']);
  expect(text(hold.take(released('NAME_1', 'Ada')))).toEqual(['', '']);
  expect(text(await hold.end())).toEqual(['one NAME_1', 'one Ada']);
  expect(asked).toEqual(['one NAME_1']);
  expect(hold.withheld).toBe(false);
});

test('what is blocked does not go on, and what a hook gives goes on in its place', async () => {
  const blocking = made({ judged: { verdicts: [], fault: REFUSED } });
  blocking.hold.take(released('one'));
  expect(await blocking.hold.end()).toEqual({ kept: [], sent: undefined, refused: REFUSED });
  expect(blocking.hold.withheld).toBe(true);
  const changed = { body: new Uint8Array(Buffer.from('{}')), toolCalls: [] };
  const changing = made({ judged: { verdicts: [], fault: undefined, changed } });
  changing.hold.take(released('one'));
  expect(text(await changing.hold.end())).toEqual(['{}', 'restored']);
});

test('beyond its bytes nobody is asked: all goes on from there, or it is refused', async () => {
  const open = made();
  open.hold.take(released('x'.repeat(20)));
  expect(text(open.hold.take(released('y')))[0]).toBe(`${'x'.repeat(20)}y`);
  expect(text(open.hold.take(released('z')))[0]).toBe('z');
  expect(text(await open.hold.end())).toEqual(['', '']);
  expect([open.asked, open.gaveUp]).toEqual([[], ['the answer is longer than 20 bytes']]);
  const closed = made({ open: false });
  expect(closed.hold.take(released('x'.repeat(21)))).toEqual({ kept: [], sent: undefined, refused: REFUSED });
  expect(text(closed.hold.take(released('more')))).toEqual(['', '']);
});

test('a stream that takes longer than it may is given up, in turn with what else comes', async () => {
  const { hold, late, asked } = made({ limitMs: 1 });
  hold.take(released('one'));
  await until('its time is over', () => late.length === 1);
  expect(hold.isHolding).toBe(true);
  expect(text(hold.giveUp(late[0] ?? ''))[0]).toBe('one');
  await hold.end();
  expect(asked).toEqual([]);
});

test('the time of the hooks is not that of the hold', async () => {
  const { hold, late } = made({ limitMs: 5, ask: () => new Promise((resolve) => setTimeout(resolve, 50)) });
  hold.take(released('one'));
  expect(text(await hold.end())[0]).toBe('one');
  expect(late).toEqual([]);
});

test('an empty answer is nothing to ask about', async () => {
  const { hold, asked } = made();
  expect(text(await hold.end())).toEqual(['', '']);
  expect(asked).toEqual([]);
});

test('of an answer whose client left while it was asked about, nothing goes on', async () => {
  const { hold } = made({
    ask: () => {
      hold.drop();
      return Promise.resolve();
    },
  });
  hold.take(released('one'));
  expect(text(await hold.end())).toEqual(['', '']);
  expect(hold.withheld).toBe(true);
});

test('what a rule of the gateway refuses is refused with nothing before it', () => {
  const { hold } = made();
  hold.take(released('one'));
  expect(hold.take({ ...released('two'), refused: REFUSED })).toEqual({ kept: [], sent: undefined, refused: REFUSED });
});
