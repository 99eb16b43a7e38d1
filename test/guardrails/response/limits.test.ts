import { expect, test } from 'vitest';
import type { BuiltinRule } from '../../../src/contract/guardrail.ts';
import { GUARD_LIMIT_BYTES, openGuard } from '../../../src/guardrails/response/guard.ts';
import type { ResponseGuard } from '../../../src/guardrails/response/guard.ts';
import { knownPlaceholders, wordDetector, wordRule } from './support.ts';

const MIB = 1024 * 1024;

function open(contentType: string, rule: BuiltinRule): ResponseGuard {
  return openGuard({
    api: 'openai_chat',
    head: { status: 200, headers: new Map([['content-type', contentType]]) },
    rules: [rule],
    detectors: () => wordDetector(['forbidden']),
    judgeToolCall: () => undefined,
    placeholders: knownPlaceholders(),
    matchKey: Buffer.from('match key'),
    nowMs: () => 0,
  });
}

const size = (parts: Uint8Array[]): number => parts.reduce((sum, part) => sum + part.length, 0);

test.each([
  ['an event', 'text/event-stream', 'data: "'],
  ['a body', 'application/json', '{"'],
])('%s that is too long to be held passes, or is refused where the rule must see all', (_, contentType, beginning) => {
  const piece = Buffer.alloc(4 * MIB, 'a');
  for (const failPolicy of ['fail_open', 'fail_closed'] as const) {
    const guard = open(contentType, wordRule({ failPolicy }));
    let released = size(guard.push(Buffer.from(beginning)).kept);
    let pushed = beginning.length;
    while (pushed <= GUARD_LIMIT_BYTES - piece.length) {
      released += size(guard.push(piece).kept);
      pushed += piece.length;
    }
    expect(released).toBe(0);
    const { kept, refused } = guard.push(piece);
    expect(size(kept)).toBe(failPolicy === 'fail_open' ? pushed + piece.length : 0);
    expect(refused?.code).toBe(failPolicy === 'fail_open' ? undefined : 'guardrail_unavailable');
    expect(size(guard.push(Buffer.from('on it goes')).kept)).toBe(failPolicy === 'fail_open' ? 10 : 0);
    expect(guard.verdicts()).toMatchObject([{ action: 'error' }]);
  }
});

test('a long stream leaves nothing behind', () => {
  const guard = open('text/event-stream', wordRule());
  const event = (i: number): Buffer =>
    Buffer.from(`data: {"choices":[{"index":0,"delta":{"content":" word ${i} for"}}]}\n\n`);
  // An event leaves with the next one, as it ends with what may be a beginning.
  let before = 0;
  for (let i = 0; i < 2000; i++) {
    const bytes = event(i);
    const { kept, sent } = guard.push(bytes);
    expect(sent).toBeUndefined();
    expect(size(kept)).toBe(before);
    before = bytes.length;
  }
  expect(size(guard.end('complete').kept)).toBe(before);
  expect(guard.end('complete')).toEqual({ kept: [], sent: undefined, refused: undefined });
});

test('what is released is its own, and what was pushed is the caller’s again', () => {
  const guard = open('text/event-stream', wordRule());
  const text = 'data: {"choices":[{"delta":{"content":"one"}}]}\n\ndata: {"choices":[{"delta":{"content":"for"}}]}\n\n';
  const bytes = Buffer.from(text);
  const first = guard.push(bytes).kept;
  bytes.fill(0);
  const parts = [...first, ...guard.end('complete').kept];
  expect(Buffer.concat(parts).toString()).toBe(text);
  for (const part of parts) expect(part.byteLength).toBe(part.buffer.byteLength);
});

test('a long text full of finds is read as any other', () => {
  const text = (word: string): string =>
    JSON.stringify({ choices: [{ message: { content: `${word} é `.repeat(20_000) } }] });
  const guard = open('application/json', wordRule());
  const parts = [...guard.push(Buffer.from(text('forbidden'))).kept, ...guard.end('complete').kept];
  expect(Buffer.concat(parts).toString() === text('[redacted:word]')).toBe(true);
  expect(guard.verdicts()).toMatchObject([{ counts: { word: 20_000 } }]);
});
