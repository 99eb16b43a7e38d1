import { expect, test } from 'vitest';
import { guarded, SECRET, splits, wordRule } from './support.ts';

const sse = (events: object[]): Buffer =>
  Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));

test('a value that comes in two events is found, and once more where the last event repeats it', () => {
  for (const pieces of splits(SECRET)) {
    const events = [
      ...pieces.map((delta) => ({ type: 'transcript.text.delta', delta, logprobs: [] })),
      { type: 'transcript.text.done', text: SECRET, usage: { type: 'tokens', input_tokens: 1, output_tokens: 2 } },
    ];
    const { sent, verdicts } = guarded('openai_transcriptions', [sse(events)]);
    const told = [...sent.matchAll(/"(?:delta|text)":"([^"]*)"/g)].map(([, text]) => text);
    expect(told.slice(0, 2).join('')).toBe('[redacted:word]');
    expect(told[2]).toBe('[redacted:word]');
    expect(verdicts[0]?.counts).toEqual({ word: 1 });
  }
});

test('a value over two segments of a whole answer', () => {
  const body = { text: `Mail ${SECRET}.`, segments: [{ text: 'Mail alice@' }, { text: 'example.com.' }], duration: 2 };
  const { sent, verdicts } = guarded('openai_transcriptions', [Buffer.from(JSON.stringify(body))], {
    contentType: 'application/json',
  });
  expect(sent).not.toContain('alice');
  expect(sent).not.toContain('example.com');
  expect(verdicts[0]?.counts).toEqual({ word: 1 });
});

test('segments alone are counted', () => {
  const events = ['Mail alice@', 'example.com.'].map((text) => ({
    type: 'transcript.text.segment',
    text,
    speaker: 'A',
  }));
  const { sent, verdicts } = guarded('openai_transcriptions', [sse(events)]);
  expect(sent).not.toContain('alice');
  expect(verdicts[0]?.counts).toEqual({ word: 1 });
});

test('a plain transcript is a text', () => {
  const { sent } = guarded('openai_transcriptions', [Buffer.from(`1\n00:00 --> 00:01\n${SECRET}\n`)], {
    contentType: 'text/plain; charset=utf-8',
  });
  expect(sent).toBe('1\n00:00 --> 00:01\n[redacted:word]\n');
});

test('images pass as they are, and a prompt as it was revised is read', () => {
  const picture = Buffer.alloc(96, 'heron').toString('base64');
  const body = JSON.stringify({ data: [{ b64_json: picture, revised_prompt: `For ${SECRET}` }] });
  const { sent } = guarded('openai_images', [Buffer.from(body)], {
    contentType: 'application/json',
    rules: [wordRule({ words: [SECRET, picture.slice(8, 16)] })],
  });
  expect(sent).toBe(body.replace(SECRET, '[redacted:word]'));
});
