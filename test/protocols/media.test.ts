import { describe, expect, test } from 'vitest';
import type { Api } from '../../src/contract/api.ts';
import type { OutputLimit } from '../../src/contract/output-limit.ts';
import { scanBody } from '../../src/protocols/body-scan.ts';
import { scanForm } from '../../src/protocols/form-scan.ts';
import { openaiImages, openaiSpeech, openaiTranscriptions } from '../../src/protocols/openai-media/protocol.ts';
import { outputLimitOf } from '../../src/protocols/output-limit.ts';
import { userMessageOf } from '../../src/protocols/user-message.ts';
import { utf8 } from './chunks.ts';
import { counted, readAnswer, readBody, readStream, readUnary, sse } from './read.ts';

const image = (type: string, more: object = {}): object => ({
  type,
  b64_json: 'iVBORw0KGgo=',
  created_at: 1761920000,
  size: '1024x1024',
  quality: 'low',
  background: 'opaque',
  output_format: 'png',
  ...more,
});
const IMAGE_USAGE = {
  total_tokens: 700,
  input_tokens: 250,
  output_tokens: 450,
  input_tokens_details: { text_tokens: 50, image_tokens: 200 },
};

describe('images', () => {
  test('a stream ends with the event that has the image and its usage', () => {
    const events = [
      image('image_generation.partial_image', { partial_image_index: 0 }),
      image('image_generation.completed', { usage: IMAGE_USAGE }),
    ];
    const { facts, rebuilt } = readAnswer(openaiImages, { chunks: [sse(events)] });
    expect(facts).toMatchObject({
      complete: true,
      terminator: 'image_generation.completed',
      usage_state: 'final',
      stop_reason: { canonical: 'stop' },
      error: null,
    });
    expect(counted(facts)).toEqual({ input_uncached: 50, image_in: 200, image_out: 450 });
    expect(rebuilt).toEqual({
      created: 1761920000,
      background: 'opaque',
      output_format: 'png',
      quality: 'low',
      size: '1024x1024',
      data: [{ b64_json: 'iVBORw0KGgo=' }],
      usage: IMAGE_USAGE,
    });
  });

  test('cut before its end, nothing is known of its usage', () => {
    const facts = readStream(openaiImages, [image('image_edit.partial_image')], { how: 'cut' });
    expect(facts).toMatchObject({ complete: false, usage: null, usage_state: 'absent', stop_reason: null });
  });

  test('of several images the last one’s usage counts, and it is flagged', () => {
    const done = (tokens: number): object =>
      image('image_edit.completed', { usage: { input_tokens: 10, output_tokens: tokens, total_tokens: 10 + tokens } });
    const facts = readStream(openaiImages, [done(100), done(200)]);
    expect(counted(facts)).toEqual({ input_uncached: 10, image_out: 200 });
    expect(facts.usage_flags).toEqual(['usage_repeated']);
  });

  test('an error in a stream', () => {
    const error = {
      type: 'error',
      error: { type: 'image_generation_user_error', code: 'moderation_blocked', message: 'No.' },
    };
    expect(readStream(openaiImages, [image('image_generation.partial_image'), error])).toMatchObject({
      complete: false,
      error: { where: 'stream', code: 'moderation_blocked', message: 'No.' },
      stop_reason: { canonical: 'error' },
    });
  });

  test.each<[string, object, Record<string, number>]>([
    [
      'a split of the output',
      { output_tokens_details: { image_tokens: 400, text_tokens: 50 } },
      { output: 50, image_out: 400 },
    ],
    ['half a split', { output_tokens_details: { text_tokens: 50 } }, { output: 50, image_out: 400 }],
    ['no split', { output_tokens_details: null }, { image_out: 450 }],
    [
      'a cache',
      {
        input_tokens_details: {
          text_tokens: 50,
          image_tokens: 200,
          cached_tokens: 120,
          cached_tokens_details: { image_tokens: 100, text_tokens: 20 },
        },
      },
      { input_uncached: 30, image_in: 100, cache_read: 120, image_out: 450 },
    ],
  ])('%s', (_, details, expected) => {
    const base = { input_uncached: 50, image_in: 200 };
    const facts = readUnary(openaiImages, { created: 1, data: [], usage: { ...IMAGE_USAGE, ...details } });
    expect(counted(facts)).toEqual(expected['cache_read'] === undefined ? { ...base, ...expected } : expected);
  });

  test('an older model tells no usage, which is not zero', () => {
    expect(readUnary(openaiImages, { created: 1, data: [{ url: 'https://x/1.png' }] })).toMatchObject({
      complete: true,
      usage: null,
      usage_state: 'absent',
    });
  });
});

describe('transcriptions', () => {
  test('seconds are no tokens', () => {
    const facts = readUnary(openaiTranscriptions, { text: 'Hi.', usage: { type: 'duration', seconds: 9.5 } });
    expect(facts).toMatchObject({ text: 'Hi.', usage: null, usage_state: 'absent', usage_detail: { seconds: 9.5 } });
  });

  test.each([
    ['text/plain; charset=utf-8', 'Good morning.\n', 'Good morning.'],
    ['text/vtt', 'WEBVTT\n\n00:00.000 --> 00:01.000\n{Hi}\n', 'WEBVTT\n\n00:00.000 --> 00:01.000\n{Hi}'],
    ['application/x-subrip', '1\n', '1'],
  ])('as %s', (contentType, body, text) => {
    const { facts, rebuilt } = readAnswer(openaiTranscriptions, { contentType, chunks: [Buffer.from(body)] });
    expect(facts).toMatchObject({ text, complete: true, usage: null, usage_state: 'absent', error: null });
    expect(rebuilt).toEqual({ text });
    expect(readAnswer(openaiTranscriptions, { contentType, chunks: [], how: 'cut' }).facts.complete).toBe(false);
  });

  test('a stream that is cut has the text so far', () => {
    const facts = readStream(openaiTranscriptions, [{ type: 'transcript.text.delta', delta: 'Over' }], { how: 'cut' });
    expect(facts).toMatchObject({ text: 'Over', complete: false, usage: null, stop_reason: null });
  });

  test('an error is read whatever its type', () => {
    const facts = readUnary(openaiTranscriptions, 'busy', { status: 503, contentType: 'text/plain' });
    expect(facts).toMatchObject({ error: { where: 'http' }, complete: true });
  });
});

describe('speech', () => {
  test.each(['audio/mpeg', 'application/octet-stream', 'audio/wav'])('%s is never read as text', (contentType) => {
    // Bytes that would be an error, were they JSON.
    const chunks = [Buffer.from('{"error":{"message":"no"}}')];
    const { facts, rebuilt } = readAnswer(openaiSpeech, { contentType, chunks });
    expect(facts).toMatchObject({ complete: true, text: '', usage: null, usage_state: 'absent', error: null });
    expect(rebuilt).toBeUndefined();
    expect(readAnswer(openaiSpeech, { contentType, chunks, how: 'cut' }).facts).toMatchObject({
      complete: false,
      stop_reason: null,
    });
  });

  test('as events it tells its usage', () => {
    const usage = { input_tokens: 14, output_tokens: 101, total_tokens: 115 };
    const facts = readStream(openaiSpeech, [
      { type: 'speech.audio.delta', audio: 'AAAA' },
      { type: 'speech.audio.done', usage },
    ]);
    expect(facts).toMatchObject({ complete: true, terminator: 'speech.audio.done', usage_state: 'final' });
    expect(counted(facts)).toEqual({ input_uncached: 14, audio_out: 101 });
  });
});

describe('requests', () => {
  const TYPE = 'multipart/form-data; boundary=b';
  const form = (...fields: [string, string, string?][]): string =>
    `${fields
      .map(
        ([name, value, more = '']) =>
          `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`,
      )
      .join('')}--b--\r\n`;

  test('the model and the stream of a form, and of JSON', () => {
    const headers = { 'content-type': TYPE };
    const body = form(['file', 'RIFF', '; filename="a.wav"'], ['model', 'm'], ['stream', 'true']);
    expect(readBody(openaiTranscriptions, body, { headers })).toMatchObject({ model: 'm', stream: true });
    expect(readBody(openaiImages, { model: 'm', prompt: 'a cat', stream: true })).toMatchObject({
      model: 'm',
      stream: true,
    });
    expect(readBody(openaiSpeech, { model: 'm', stream_format: 'sse' })).toMatchObject({ model: 'm', stream: true });
  });

  test('speech as events is a stream', () => {
    const scanned = (text: string): unknown => scanBody('openai_speech', utf8(text));
    expect(scanned('{"model":"m","stream_format":"sse"}')).toMatchObject({ value: { stream: true } });
    expect(scanned('{"model":"m","stream_format":"audio"}')).toMatchObject({ value: { stream: false } });
    expect(scanned('{"model":"m","stream_format":"audio","stream_format":"sse"}')).toMatchObject({
      fault: { code: 'body_duplicate_key' },
    });
  });

  test('a file that an image is to be made of must be the caller’s', () => {
    const text = '{"model":"m","prompt":"x","images":[{"file_id":"file-1"}],"mask":{"file_id":"file-2"}}';
    expect(scanBody('openai_images', utf8(text))).toMatchObject({
      value: {
        resources: [
          { kind: 'file', id: 'file-1' },
          { kind: 'file', id: 'file-2' },
        ],
      },
    });
  });

  const limitOf = (api: Api, body: string, contentType?: string): OutputLimit => {
    const scanned = contentType === undefined ? scanBody(api, utf8(body)) : scanForm(contentType, utf8(body));
    if (!scanned.ok) throw new Error(JSON.stringify(scanned.fault));
    return outputLimitOf(api, utf8(body), scanned.value);
  };

  test.each<[string, Api, string, string | undefined, unknown]>([
    ['a prompt', 'openai_images', '{"prompt":"a cat"}', undefined, { by: 'body', moreTokens: 512 }],
    ['images', 'openai_images', '{"images":[{"image_url":"https://x"}]}', undefined, { by: 'window', why: 'images' }],
    [
      'an image under an escaped name',
      'openai_images',
      '{"\\u0069mage":"x"}',
      undefined,
      { by: 'window', why: 'images' },
    ],
    [
      'a form with one',
      'openai_images',
      form(['image', 'PNG', '; filename="a"']),
      TYPE,
      { by: 'window', why: 'images' },
    ],
    ['a form without', 'openai_images', form(['prompt', 'a cat']), TYPE, { by: 'body', moreTokens: 512 }],
    ['sound', 'openai_transcriptions', form(['file', 'x', '; filename="a"']), TYPE, { by: 'window', why: 'sound' }],
    ['what is to be said', 'openai_speech', '{"input":"hello"}', undefined, { by: 'body', moreTokens: 512 }],
  ])('the input of %s', (_, api, body, contentType, reach) => {
    expect(limitOf(api, body, contentType).input()).toEqual(reach);
  });

  test('the output has no limit that a request sets, and comes as often as it says', () => {
    expect(limitOf('openai_images', '{"n":3,"max_tokens":5}')).toMatchObject({
      billed: true,
      answers: 3,
      maxOutputTokens: undefined,
    });
    expect(limitOf('openai_images', form(['n', '4']), TYPE)).toMatchObject({ answers: 4 });
    expect(limitOf('openai_speech', '{"n":3}')).toMatchObject({ billed: true, answers: 1 });
  });

  test('a megabyte of sound is not reckoned as a megabyte of text', () => {
    const body = form(['file', 'x'.repeat(1_000_000), '; filename="a"'], ['prompt', 'names']);
    expect(limitOf('openai_transcriptions', body, TYPE).bodyBytes).toBe(10_000 + 'names'.length);
  });

  test('what a hook is told that the user said', () => {
    expect(userMessageOf('openai_images', { prompt: 'a cat', n: 2 })).toBe('a cat');
    expect(userMessageOf('openai_speech', { input: 'hello', voice: 'alloy' })).toBe('hello');
    expect(userMessageOf('openai_transcriptions', { prompt: 'names' })).toBe('');
  });
});
