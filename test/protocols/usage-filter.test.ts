import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FILTER_EVENT_BYTES } from '../../src/contract/limits.ts';
import { UsageEventFilter } from '../../src/protocols/usage-filter.ts';
import { cases } from '../support/cases.ts';
import { cut, everyByte, places, utf8 } from './chunks.ts';

const SEED = 20261103;

const USAGE = '{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}';
const usageEvent = `data: {"id":"c","choices":[],"usage":${USAGE}}\n\n`;

function filtered(chunks: Uint8Array[]): { text: string; dropped: number; trimmed: number } {
  const filter = new UsageEventFilter();
  const out: Uint8Array[] = [];
  for (const chunk of chunks) {
    const parts = filter.push(chunk);
    // Copied at once and the chunk spoilt: what is held must be a copy.
    out.push(...parts.map((part) => new Uint8Array(part)));
    chunk.fill(0x21);
  }
  out.push(...filter.end());
  expect(out.every((part) => part.length > 0)).toBe(true);
  return { text: Buffer.concat(out).toString('latin1'), dropped: filter.dropped, trimmed: filter.trimmed };
}

/** The stream whole; latin1, so that every byte is compared. */
function run(text: string): { text: string; dropped: number; trimmed: number } {
  return filtered([Buffer.from(text, 'latin1')]);
}

function passes(text: string): void {
  expect(run(text)).toEqual({ text, dropped: 0, trimmed: 0 });
}

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../fixtures/${name}.response.sse`, import.meta.url));
}

describe('the event that only the gateway asked for', () => {
  test.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ])('is taken out, with %s line ends', (_, eol) => {
    const text = (events: string[]): string => events.map((event) => event + eol + eol).join('');
    const before = 'data: {"choices":[{"delta":{"content":"hi"}}]}';
    const usage = `data: {"id":"c","choices":[],"usage":${USAGE}}`;
    expect(run(text([before, usage, 'data: [DONE]']))).toEqual({
      text: text([before, 'data: [DONE]']),
      dropped: 1,
      trimmed: 0,
    });
  });

  test.each([
    ['no space after the colon', `data:{"choices":[],"usage":${USAGE}}\n\n`],
    ['white space in the JSON', `data:  { "usage" : ${USAGE} , "choices" : [ ] } \n\n`],
    ['an event line and a comment in its block', `event: x\n: note\ndata: {"choices":[],"usage":${USAGE}}\n\n`],
    ['JSON over several data lines', `data: {"choices":[],\ndata: "usage":${USAGE}}\n\n`],
    ['a byte order mark at the start', `\u00ef\u00bb\u00bfdata: {"choices":[],"usage":${USAGE}}\n\n`],
    ['empty usage', 'data: {"choices":[],"usage":{}}\n\n'],
  ])('with %s', (_, event) => {
    expect(run(`${event}data: [DONE]\n\n`)).toEqual({ text: 'data: [DONE]\n\n', dropped: 1, trimmed: 0 });
  });

  test('at the end of the stream without its blank line, or without any line end', () => {
    expect(run(`data: x\n\n${usageEvent.slice(0, -1)}`)).toEqual({ text: 'data: x\n\n', dropped: 1, trimmed: 0 });
    expect(run(`data: x\n\n${usageEvent.slice(0, -2)}`)).toEqual({ text: 'data: x\n\n', dropped: 1, trimmed: 0 });
  });
});

describe('what passes untouched', () => {
  test.each([
    ['[DONE]', 'data: [DONE]\n\n'],
    ['a comment of its own', ': keep-alive\n\n: OPENROUTER PROCESSING\r\n\r\n'],
    ['blank lines', '\n\r\n\r\r\n\n'],
    [
      'an event with choices and usage (compatible servers)',
      `data: {"choices":[{"finish_reason":"stop"}],"usage":${USAGE}}\n\n`,
    ],
    ["Azure's first event", 'data: {"choices":[],"prompt_filter_results":[{"prompt_index":0}]}\n\n'],
    ['usage without choices', `data: {"usage":${USAGE}}\n\n`],
    ['choices null', `data: {"choices":null,"usage":${USAGE}}\n\n`],
    ['the words inside a text', 'data: {"choices":[{"delta":{"content":"\\"choices\\":[],\\"usage\\":{}"}}]}\n\n'],
    ['the members deeper down', `data: {"x":{"choices":[],"usage":${USAGE}},"choices":[{"usage":null}]}\n\n`],
    ['usage deeper down of Groq', `data: {"choices":[],"x_groq":{"usage":${USAGE}}}\n\n`],
    ['an error in the stream', 'data: {"error":{"message":"usage","usage":null}}\n\n'],
    ['malformed JSON', `data: {"choices":[],"usage":${USAGE}\n\n`],
    ['malformed JSON with null', 'data: {"choices":[],"usage":null,}\n\n'],
    ['usage twice', 'data: {"choices":[{}],"usage":{},"usage":null}\n\n'],
    ['null over several data lines', 'data: {"choices":[{}],\ndata: "usage":null}\n\n'],
    ['another field than data', `datum: {"choices":[],"usage":${USAGE}}\n\n`],
    ['a list', 'data: ["usage"]\n\n'],
    ['a text', 'data: "usage"\n\n'],
    ['invalid UTF-8', 'data: {"choices":[{"delta":{"content":"\u00ff\u00c3"}}]}\n\n'],
    ['an event that is cut off', `data: {"choices":[],"usage":{"prompt_to`],
    ['a broken line', 'data: {"choices":[{"delta":'],
  ])('%s', (_, text) => {
    passes(text);
  });
});

describe('"usage":null, which is there because the gateway asked', () => {
  test.each([
    ['{"id":"c","choices":[{}],"usage":null}', '{"id":"c","choices":[{}]}'],
    ['{"id":"c","usage":null,"choices":[{}]}', '{"id":"c","choices":[{}]}'],
    ['{"usage":null,"choices":[{}]}', '{"choices":[{}]}'],
    ['{"choices": [{}], "usage": null}', '{"choices": [{}]}'],
    ['{"choices": [{}], "usage": null, "p": "x"}', '{"choices": [{}], "p": "x"}'],
    ['{ "usage" : null , "p": 1}', '{ "p": 1}'],
    ['{"usage":null}', '{}'],
    // Azure's first event under the same wish.
    ['{"choices":[],"prompt_filter_results":[],"usage":null}', '{"choices":[],"prompt_filter_results":[]}'],
    [
      '{"choices":[{"delta":{"content":"\\"usage\\":null"}}],"\\u0075sage":null,"x":["usage"]}',
      '{"choices":[{"delta":{"content":"\\"usage\\":null"}}],"x":["usage"]}',
    ],
  ])('%s becomes %s', (before, after) => {
    expect(run(`data: ${before}\r\n\r\n`)).toEqual({ text: `data: ${after}\r\n\r\n`, dropped: 0, trimmed: 1 });
  });

  test('also in an event whose blank line never comes', () => {
    expect(run('data: {"choices":[{}],"usage":null}\n').text).toBe('data: {"choices":[{}]}\n');
  });

  test('what was done is worded for the record', () => {
    const filter = new UsageEventFilter();
    expect(filter.edit()).toBeUndefined();
    filter.push(utf8(`data: {"choices":[{}],"usage":null}\n\n${usageEvent}`));
    expect(filter.edit()).toBe('usage events taken out: 1, "usage":null taken out of events: 1');
  });
});

describe('bounds', () => {
  const long = (bytes: number): string => `data: {"choices":[],"x":"${'x'.repeat(bytes)}","usage":${USAGE}}\n\n`;

  test('an event longer than the limit passes unjudged, in any chunking; the next one is judged', () => {
    const text = long(FILTER_EVENT_BYTES) + usageEvent + 'data: [DONE]\n\n';
    const expected = { text: `${long(FILTER_EVENT_BYTES)}data: [DONE]\n\n`, dropped: 1, trimmed: 0 };
    expect(run(text)).toEqual(expected);
    const bytes = utf8(text);
    expect(filtered(cut(bytes, [7, 1000, FILTER_EVENT_BYTES - 1, FILTER_EVENT_BYTES + 1]))).toEqual(expected);
    expect(filtered(cut(bytes, [long(FILTER_EVENT_BYTES).length - 1]))).toEqual(expected);
  });

  test('an event of exactly the limit is judged', () => {
    const text = long(FILTER_EVENT_BYTES - long(0).length);
    expect(text.length).toBe(FILTER_EVENT_BYTES);
    expect(run(text).dropped).toBe(1);
    expect(filtered(cut(utf8(text), [10, 5000, 500_000])).dropped).toBe(1);
  });

  test('a megabyte in single bytes is held without slowing down', () => {
    const text = long(FILTER_EVENT_BYTES - long(0).length);
    const start = performance.now();
    expect(filtered(everyByte(utf8(text))).dropped).toBe(1);
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

describe('what leaves when', () => {
  test('a finished event leaves with the chunk that ended it, as a view on that chunk', () => {
    const filter = new UsageEventFilter();
    const chunk = utf8('data: {"a":1}\n\ndata: {"b":2}\n\ndata: {"c"');
    const out = filter.push(chunk);
    expect(out).toHaveLength(1);
    expect(out[0]?.buffer).toBe(chunk.buffer);
    expect(Buffer.from(out[0]!).toString()).toBe('data: {"a":1}\n\ndata: {"b":2}\n\n');
    expect(Buffer.concat(filter.push(utf8(':3}\n\n'))).toString()).toBe('data: {"c":3}\n\n');
  });

  test('the LF of a CRLF that came apart follows its event', () => {
    const filter = new UsageEventFilter();
    expect(Buffer.concat(filter.push(utf8('data: 1\r\n\r'))).toString()).toBe('data: 1\r\n\r');
    expect(Buffer.concat(filter.push(utf8('\ndata: 2\r\n\r\n'))).toString()).toBe('\ndata: 2\r\n\r\n');
    const usage = usageEvent.replaceAll('\n', '\r\n');
    expect(filter.push(utf8(usage.slice(0, -1)))).toEqual([]);
    expect(filter.push(utf8('\n'))).toEqual([]);
    expect(filter.end()).toEqual([]);
    expect(filter.dropped).toBe(1);
  });
});

describe('whole streams', () => {
  test('failure mode 2: the fixture with usage becomes what a provider sends that was not asked', () => {
    const asked = fixture('openai-chat/stream-usage').toString('utf8');
    const events = asked.split('\n\n');
    const direct = events
      .filter((event) => !event.includes('"choices":[]'))
      .map((event) => event.replace(',"usage":null', ''))
      .join('\n\n');
    const result = filtered([Buffer.from(asked)]);
    expect(Buffer.from(result.text, 'latin1').toString('utf8')).toBe(direct);
    expect(result.dropped).toBe(1);
    expect(direct).not.toContain('usage');
  });

  const untouched = [
    'openai-chat/stream-no-usage',
    'openai-chat/stream-usage-every-chunk',
    'anthropic-messages/stream-basic',
    'anthropic-messages/stream-web-search',
    'gemini/stream-sse-basic',
    'openai-responses/stream-basic',
  ];
  test.each(untouched)('%s, which has no such event, passes byte for byte', (name) => {
    const bytes = fixture(name);
    expect(filtered([Buffer.from(bytes)])).toEqual({ text: bytes.toString('latin1'), dropped: 0, trimmed: 0 });
  });

  const nasty = ['bom', 'comments', 'cr-only', 'crlf', 'decoy-text', 'keepalive-only', 'no-trailing-blank-line'];
  const moreNasty = ['no-trailing-newline-usage-last', 'null-usage-chunks', 'split-multibyte', 'unknown-events'];
  const chat = ['stream-usage', 'stream-tool-calls', 'stream-error-midway', 'stream-compat-reasoning-content'];
  const all = [
    ...[...nasty, ...moreNasty].map((name) => `sse-nasty/${name}`),
    ...chat.map((name) => `openai-chat/${name}`),
  ];

  test.each([...all, ...untouched])(
    'failure modes 17 and 18: %s, cut at every byte boundary, leaves the same',
    (name) => {
      const bytes = fixture(name);
      const whole = filtered([Buffer.from(bytes)]);
      expect(filtered(everyByte(bytes))).toEqual(whole);
      const step = Math.max(1, Math.floor(bytes.length / 300));
      for (let at = 1; at < bytes.length; at += step) expect(filtered(cut(bytes, [at]))).toEqual(whole);
    },
  );

  const eol = fc.constantFrom('\n', '\r\n', '\r');
  const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value));
  /** Events as `[with the wish, without it]`. */
  const event = fc.oneof(
    fc
      .tuple(json, json)
      .map(([x, y]) => [`data: {"choices":[${x}],"y":${y},"usage":null}`, `data: {"choices":[${x}],"y":${y}}`]),
    json.map((x) => [`data: {"usage":null,"choices":[${x}]}`, `data: {"choices":[${x}]}`]),
    json.map((x) => [`data: {"choices":[],"x":${x},"usage":${USAGE}}`, undefined]),
    json.map((x) => [`data: {"choices":[${x}],"usage":${USAGE}}`, `data: {"choices":[${x}],"usage":${USAGE}}`]),
    fc
      .constantFrom(': ping', 'data: [DONE]', 'id: 7', 'retry: 1', 'data: é', 'event: x', '')
      .map((text) => [text, text]),
  );

  test('failure mode 2: any stream with the events that we asked for becomes the stream without, in any chunking', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(event, eol)), places, (events, at) => {
        // A lone LF after an event that ended in CR would join its line end, as SSE has it: keep such neighbours apart.
        const streams = [0, 1].map((side) =>
          events
            .map(([texts, end]) =>
              texts[side] === undefined ? '' : texts[side] + end + end + (texts[side] === '' ? '' : ': .' + end + end),
            )
            .join(''),
        );
        const bytes = utf8(streams[0]!);
        const out = filtered(cut(bytes, at));
        // The comment after a dropped event stays.
        const direct = events
          .map(
            ([texts, end]) =>
              (texts[1] === undefined ? '' : texts[1] + end + end) + (texts[0] === '' ? '' : ': .' + end + end),
          )
          .join('');
        expect(Buffer.from(out.text, 'latin1').toString('utf8')).toBe(direct);
      }),
      { numRuns: cases(1_000), seed: SEED },
    );
  });

  test('fuzz: random bytes of a stream never throw, and any chunking leaves the same', () => {
    const piece = fc.constantFrom(
      '\n',
      '\r',
      '\n\n',
      '\r\n',
      'data:',
      'data: ',
      '{',
      '}',
      '"usage"',
      ':',
      'null',
      '{}',
      '"choices":[]',
      ',',
      '[',
      ']',
      'é',
      '\ufeff',
      ': c',
      'x',
      usageEvent,
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 25 }), places, (pieces, at) => {
        const bytes = utf8(pieces.join(''));
        const whole = filtered([bytes.slice()]);
        expect(filtered(cut(bytes, at))).toEqual(whole);
        expect(filtered(everyByte(bytes))).toEqual(whole);
      }),
      { numRuns: cases(3_000), seed: SEED },
    );
  });
});
