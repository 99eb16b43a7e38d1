import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Delivery } from '../../../src/contract/delivery.ts';
import { framed } from '../../../src/sinks/syslog/framing.ts';
import { messageWriter, SYSLOG_FORMATS } from '../../../src/sinks/syslog/message.ts';
import type { MessageOptions } from '../../../src/sinks/syslog/message.ts';
import { readCef } from '../../support/cef.ts';
import { readFrames, readSyslog } from '../../support/syslog.ts';
import { delivery, hostile, odd, ofRecord, oneOfEach } from '../formats/events.ts';

const OPTIONS: MessageOptions = { format: 'json', facility: 'local0', most: 8_192, bom: false, version: '9.8.7' };
const write = (one: Delivery, change: Partial<MessageOptions> = {}): string =>
  messageWriter({ ...OPTIONS, ...change })(one);
const NASTY = 'a"b]c\\d\r\ne\u0000\u001b[31m 😀 läß \u2028|= ';

test.each(SYSLOG_FORMATS)('%s: every event is one line, and who reads it by the RFC knows which it is', (format) => {
  const deliveries = [...oneOfEach(), ...odd(), ...hostile(NASTY)];
  for (const one of deliveries) {
    const message = write(one, { format });
    expect(message).not.toMatch(/[\r\n]/);
    expect(readSyslog(message)).toMatchObject({
      host: 'aperture-gateway',
      app: 'aperture-gateway',
      process: '-',
      kind: one.kind,
      element: 'aperture@32473',
      parameters: { id: one.id, sequence: String(one.sequence), kind: one.kind },
    });
    expect(write(one, { format })).toBe(message);
  }
});

test('facility and severity make the priority, and the time is that of the event', () => {
  const [closed, denied, blocked, , , , , killed] = oneOfEach();
  const priorities = [closed, denied, blocked, killed].map((one) => readSyslog(write(one!)).priority);
  // 16 is local0; 6 informational, 5 notice, 4 warning, 2 critical.
  expect(priorities).toEqual([16 * 8 + 6, 16 * 8 + 5, 16 * 8 + 4, 16 * 8 + 2]);
  expect(readSyslog(write(closed!, { facility: 'authpriv' })).priority).toBe(10 * 8 + 6);
  expect(readSyslog(write(closed!)).time).toBe('2026-11-23T10:20:31.123Z');
});

test('the message is what the format writes, and values come back as they were', () => {
  const [request] = hostile(NASTY);
  const { data } = JSON.parse(readSyslog(write(request!)).text) as { data: Record<string, unknown> };
  // What a database cannot hold, and so no event has: the zero character.
  const told = NASTY.replace('\u0000', '\ufffd');
  expect(data).toMatchObject({ login: told, user_agent: told, model: told });
  const cef = readCef(readSyslog(write(request!, { format: 'cef' })).text);
  expect(cef.extension['externalId']).toBe(request!.id);
});

test('a kind that holds what structured data may not is told all the same', () => {
  const one = delivery('a"b]c\\d\n', { a: 1 });
  expect(readSyslog(write(one))).toMatchObject({ kind: 'a"b]c\\d_', parameters: { kind: 'a"b]c\\d\ufffd' } });
});

test('white space between the values of a payload is no line break of the message', () => {
  const text = readSyslog(write(delivery('session.opened', '{\n  "a": "b\\nc"\r\n}'))).text;
  expect((JSON.parse(text) as { data: unknown }).data).toEqual({ a: 'b\nc' });
});

test('a byte order mark stands before text that is not ASCII, where it is wanted', () => {
  const [plain, umlaut] = [ofRecord('request.closed'), ofRecord('request.closed', { login: 'läß@example.com' })];
  expect(readSyslog(write(plain, { bom: true })).text).toMatch(/^\{/);
  expect(readSyslog(write(umlaut, { bom: true })).text).toMatch(/^\ufeff\{/);
  expect(readSyslog(write(umlaut)).text).toMatch(/^\{/);
});

test.each(SYSLOG_FORMATS)('%s: what a receiver would cut is told in short, and is whole', (format) => {
  const long = { login: 'ü'.repeat(5_000), user_agent: '😀'.repeat(10_000), path: ']"'.repeat(5_000) };
  const groups = Array.from({ length: 900 }, (_, index) => `group:${'g'.repeat(60)}${index}`);
  for (const most of [2_048, 4_096, 8_192]) {
    for (const one of [
      ofRecord('request.closed', long),
      ofRecord('request.closed', { ...long, groups }),
      delivery('session.opened', { text: 'x'.repeat(60_000), many: groups }),
      ...hostile('😀\n'.repeat(5_000)),
    ]) {
      const message = write(one, { format, most });
      expect(Buffer.byteLength(message)).toBeLessThanOrEqual(most);
      const { id, text } = readSyslog(message);
      expect(id).toBe(one.id);
      if (format === 'cef') expect(readCef(text).extension['externalId']).toBe(one.id);
      else expect(JSON.stringify(JSON.parse(text))).toContain('"left_out":"too_large"');
    }
  }
});

test('of a message that is told in short, as much is left as fits', () => {
  const one = ofRecord('request.closed', { user_agent: 'x'.repeat(10_240), login: 'alice@example.com' });
  const { data } = JSON.parse(readSyslog(write(one)).text) as { data: Record<string, unknown> };
  expect(data).toMatchObject({ login: 'alice@example.com', state: 'complete', user_agent: `${'x'.repeat(999)}…` });
  const { data: all } = JSON.parse(readSyslog(write(one, { most: 65_536 })).text) as { data: Record<string, unknown> };
  expect(all['user_agent']).toBe('x'.repeat(10_240));
  expect(all).not.toHaveProperty('left_out');
});

test('a frame says how many bytes its message has, whatever those are', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', minLength: 1 })), (messages) => {
      const bytes = Buffer.from(messages.map((message) => framed(message, 'octet_counting')).join(''));
      expect(readFrames(bytes)).toEqual({
        messages: messages.map((message) => Buffer.from(message).toString()),
        rest: Buffer.alloc(0),
      });
    }),
  );
  expect(framed('a', 'newline')).toBe('a\n');
});
