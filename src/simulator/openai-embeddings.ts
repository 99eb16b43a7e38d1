import { tellAll, whole } from './answer.ts';
import type { Answer, Told } from './answer.ts';
import { JSON_TYPE, openAiHeaders } from './headers.ts';
import { escaped, numberAt } from './json.ts';
import type { Prompt } from './prompt.ts';
import type { Script } from './script.ts';
import type { Seed } from './seed.ts';
import type { Steering } from './steering.ts';

/** Real ones have a thousand and more; nobody here computes distances. */
const DIMENSIONS = 16;
const MOST_DIMENSIONS = 4096;
const MOST_INPUTS = 2048;

/** Values from -1 to 1 with six digits, repeatable. */
export function vectorOf(seed: Seed, dimensions = DIMENSIONS): number[] {
  return Array.from({ length: dimensions }, (_, i) => {
    const mixed = Math.imul(seed.number ^ Math.imul(i + 1, 0x85ebca6b), 0xc2b2ae35) >>> 0;
    return ((mixed % 2_000_001) - 1_000_000) / 1_000_000;
  });
}

function inputsOf(input: unknown): number {
  // A list of numbers is one text that was tokenised by the client.
  if (!Array.isArray(input) || typeof input[0] === 'number') return 1;
  return Math.min(input.length, MOST_INPUTS);
}

export function answerEmbeddings(script: Script, prompt: Prompt, steering: Steering, told: Told): Answer {
  const dimensions = Math.min(numberAt(prompt.body, 'dimensions') ?? DIMENSIONS, MOST_DIMENSIONS);
  const vector = vectorOf(script.seed, dimensions);
  const value =
    prompt.body['encoding_format'] === 'base64'
      ? `"${Buffer.from(Float32Array.from(vector).buffer).toString('base64')}"`
      : JSON.stringify(vector);
  const data = Array.from(
    { length: inputsOf(prompt.body['input']) },
    (_, i) => `{"object":"embedding","index":${i},"embedding":${value}}`,
  );
  const tokens = script.usage.input_uncached;
  const usage = steering.usage === 'none' ? '' : `,"usage":{"prompt_tokens":${tokens},"total_tokens":${tokens}}`;
  if (usage !== '') tellAll(told, script.usage);
  const body = `{"object":"list","data":[${data.join(',')}],"model":"${escaped(script.model)}"${usage}}`;
  return whole(200, openAiHeaders(script.seed, JSON_TYPE), body);
}
