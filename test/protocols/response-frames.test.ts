import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scanBody } from '../../src/protocols/body-scan.ts';
import { createFrame, readClientFrame, readProviderFrame } from '../../src/protocols/openai-responses/frame.ts';
import { asEvent } from '../../src/proxy/message-event.ts';
import { SseReader } from '../../src/protocols/sse.ts';

function read(text: string): ReturnType<typeof readClientFrame> {
  const bytes = new Uint8Array(Buffer.from(text));
  const scanned = scanBody('openai_responses', bytes);
  return scanned.ok ? readClientFrame(bytes, scanned.value) : scanned;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}

test('a frame goes to the provider as it came, byte by byte', () => {
  const text = '{"type":"response.create","model":"m", "input" : [1.0,\n"\\u0041é"],"store":false}';
  const frame = read(text);
  expect(frame.ok && textOf(frame.value.body)).toBe(
    '{"stream":true,"model":"m", "input" : [1.0,\n"\\u0041é"],"store":false}',
  );
  expect(frame.ok && textOf(createFrame(frame.value.body, frame.value.streamId))).toBe(text);
});

test('a name of the turn, a wish for a stream and the type are taken out wherever they stand', () => {
  const frame = read('{"model":"m","stream":false,"input":"x","stream_id":"a","store":true,"type":"response.create"}');
  expect(frame).toMatchObject({ ok: true, value: { type: 'response.create', streamId: 'a' } });
  expect(frame.ok && textOf(frame.value.body)).toBe('{"stream":true,"model":"m","input":"x","store":true}');
  expect(frame.ok && textOf(createFrame(frame.value.body, 'a'))).toBe(
    '{"type":"response.create","stream_id":"a","model":"m","input":"x","store":true}',
  );
});

test('a body that a rule has written anew becomes a frame too', () => {
  const body = Buffer.from(' {"model":"m", "stream": true ,"input":"x"}');
  expect(textOf(createFrame(body, undefined))).toBe('{"type":"response.create","model":"m","input":"x"}');
  expect(textOf(createFrame(Buffer.from('{"stream":true}'), undefined))).toBe('{"type":"response.create"}');
});

test("any value comes back out of a frame's body", () => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.string().filter((key) => !/^(type|stream|stream_id|model|__proto__)$/i.test(key)),
        fc.jsonValue(),
      ),
      (more) => {
        const text = JSON.stringify({ ...more, type: 'response.create' });
        const frame = read(text);
        // Keys that only some readers take for a used one are refused.
        if (!frame.ok) return;
        expect(JSON.parse(textOf(frame.value.body))).toEqual({
          ...(JSON.parse(JSON.stringify(more)) as object),
          stream: true,
        });
        const again: unknown = JSON.parse(textOf(createFrame(frame.value.body, undefined)));
        expect(again).toEqual(JSON.parse(text));
      },
    ),
  );
});

test("a provider's message is read by its own members, not by what stands deeper or in a text", () => {
  const text =
    '{"response":{"type":"error","stream_id":"b"},"delta":"\\"type\\":\\"error\\"","type":"response.created","stream_id":"a"}';
  expect(readProviderFrame(Buffer.from(text))).toEqual({
    type: 'response.created',
    streamId: 'a',
    responseId: undefined,
    status: 0,
  });
  expect(readProviderFrame(Buffer.from('["type"]'))).toMatchObject({ type: '' });
  expect(readProviderFrame(Buffer.from('no json'))).toMatchObject({ type: '' });
});

test('a message is one event, also where it has line ends', () => {
  for (const text of ['{"type":"x"}', '{\n  "type": "x"\n}', '{\r\n"type":"x"}']) {
    const events: string[] = [];
    const reader = new SseReader(({ data }) => events.push(data));
    reader.push(asEvent('x', Buffer.from(text)));
    expect(events).toEqual([text.replaceAll('\r', '')]);
  }
});
