import { totalInput, totalOutput } from '../contract/usage.ts';
import type { Usage } from '../contract/usage.ts';
import { tellAll, whole } from './answer.ts';
import type { Answer, Told } from './answer.ts';
import { errorEvent } from './fault.ts';
import { JSON_TYPE, SSE_TYPE, openAiHeaders, openAiRequestId } from './headers.ts';
import { numberAt, stringAt } from './json.ts';
import type { JsonObject } from './json.ts';
import type { Prompt } from './prompt.ts';
import type { Script } from './script.ts';
import { createdSeconds, letters } from './seed.ts';
import type { Seed } from './seed.ts';
import type { Steering } from './steering.ts';
import { wholeOf } from './words.ts';

export type MediaApi = 'openai_images' | 'openai_transcriptions' | 'openai_speech';

/** What such an answer costs where nobody asks for other numbers: a small image; ten seconds of sound; a sentence. */
export const MEDIA_DEFAULTS: Record<MediaApi, Partial<Usage>> = {
  openai_images: { image_out: 272, output: 0 },
  openai_transcriptions: { audio_in: 100 },
  openai_speech: { audio_out: 101, output: 0 },
};

const MOST_IMAGES = 10;
const IMAGE_BYTES = 96;
const SOUND_BYTES = 2048;

export function isMedia(api: string): api is MediaApi {
  return Object.hasOwn(MEDIA_DEFAULTS, api);
}

/** The fields of a form that are texts, as a body: enough for a simulator, whose clients are tests. */
export function formFields(body: Buffer): JsonObject {
  const fields: JsonObject = {};
  for (const [, name = '', value = ''] of body.toString('latin1').matchAll(FIELD)) {
    fields[name] = name === 'stream' ? value === 'true' : value;
  }
  return fields;
}

const FIELD = /\r\ncontent-disposition: form-data; name="(\w+)"\r\n\r\n([^\r\n]*)\r\n--/gi;

export function answerMedia(api: MediaApi, script: Script, prompt: Prompt, steering: Steering, told: Told): Answer {
  const usage = steering.usage === 'none' ? '' : `"usage":${usageJson(api, script.usage)}`;
  const tell = (): void => {
    if (usage !== '') tellAll(told, script.usage);
  };
  if (prompt.stream || stringAt(prompt.body, 'stream_format') === 'sse') return streamOf(api, script, usage, tell);
  if (api === 'openai_speech') {
    // Nobody tells what sound has cost.
    return whole(200, openAiHeaders(script.seed, 'audio/mpeg'), noise(script.seed, SOUND_BYTES));
  }
  if (api === 'openai_transcriptions' && /^(?:text|srt|vtt)$/.test(stringAt(prompt.body, 'response_format') ?? '')) {
    return whole(200, openAiHeaders(script.seed, 'text/plain; charset=utf-8'), `${textOf(script)}\n`);
  }
  tell();
  const more = usage === '' ? '' : `,${usage}`;
  const body =
    api === 'openai_images'
      ? `{"created":${createdSeconds(script.seed)},"output_format":"png","data":[${imagesOf(script.seed, prompt)}]${more}}`
      : `{"text":"${wholeOf(script.pieces)}"${more}}`;
  return whole(200, openAiHeaders(script.seed, JSON_TYPE), body);
}

function streamOf(api: MediaApi, script: Script, usage: string, tell: () => void): Answer {
  return {
    kind: 'stream',
    headers: openAiHeaders(script.seed, SSE_TYPE),
    events: eventsOf(api, script, usage === '' ? '' : `,${usage}`, tell),
    terminator: () => (api === 'openai_transcriptions' ? 'data: [DONE]\n\n' : ''),
    errorEvent: (fault, sent) => errorEvent('openai', fault, openAiRequestId(script.seed), sent),
    comments: true,
  };
}

function* eventsOf(api: MediaApi, { seed, pieces }: Script, usage: string, tell: () => void): Generator<string> {
  switch (api) {
    case 'openai_images':
      yield event('image_generation.partial_image', `,"b64_json":"${image(seed, 1)}","partial_image_index":0`);
      tell();
      yield event('image_generation.completed', `,"b64_json":"${image(seed, 0)}"${usage}`);
      return;
    case 'openai_transcriptions':
      for (let i = 0; i < pieces.count; i += 1) yield event('transcript.text.delta', `,"delta":"${pieces.piece(i)}"`);
      tell();
      yield event('transcript.text.done', `,"text":"${wholeOf(pieces)}"${usage}`);
      return;
    case 'openai_speech':
      yield event('speech.audio.delta', `,"audio":"${noise(seed, SOUND_BYTES).toString('base64')}"`);
      tell();
      yield event('speech.audio.done', usage);
  }
}

function event(type: string, more: string): string {
  return `data: {"type":"${type}"${more}}\n\n`;
}

function imagesOf(seed: Seed, prompt: Prompt): string {
  const count = Math.min(Math.max(1, numberAt(prompt.body, 'n') ?? 1), MOST_IMAGES);
  return Array.from({ length: count }, (_, at) => `{"b64_json":"${image(seed, at)}"}`).join(',');
}

function image(seed: Seed, salt: number): string {
  return letters(seed, salt, IMAGE_BYTES);
}

function noise(seed: Seed, bytes: number): Buffer {
  return Buffer.from(letters(seed, 2, bytes), 'base64');
}

/** The text itself, whose pieces are insides of JSON strings. */
function textOf(script: Script): string {
  return String(JSON.parse(`"${wholeOf(script.pieces)}"`));
}

function usageJson(api: MediaApi, usage: Usage): string {
  const input = totalInput(usage);
  const output = totalOutput(usage);
  const sums = `"input_tokens":${input},"output_tokens":${output},"total_tokens":${input + output}`;
  switch (api) {
    case 'openai_images':
      return (
        `{${sums},"input_tokens_details":{"text_tokens":${usage.input_uncached},"image_tokens":${usage.image_in}},` +
        `"output_tokens_details":{"text_tokens":${usage.output},"image_tokens":${usage.image_out}}}`
      );
    case 'openai_transcriptions':
      return `{"type":"tokens",${sums},"input_token_details":{"text_tokens":${usage.input_uncached},"audio_tokens":${usage.audio_in}}}`;
    case 'openai_speech':
      return `{${sums}}`;
  }
}
