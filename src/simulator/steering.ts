import { z } from 'zod';

const count = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number);
const flag = z
  .enum(['0', '1'])
  .transform((text) => text === '1')
  .optional();
/** `20ms`, `1.5s`, `500us`; a bare number is milliseconds. */
const duration = z
  .string()
  .regex(/^\d+(\.\d+)?(us|ms|s|m)?$/, 'must be a duration such as 20ms')
  .transform((text) => {
    const amount = Number.parseFloat(text);
    if (text.endsWith('us')) return amount / 1000;
    if (text.endsWith('ms')) return amount;
    if (text.endsWith('s')) return amount * 1000;
    if (text.endsWith('m')) return amount * 60_000;
    return amount;
  });
/** After so many events, after the last one before the terminator (`finish`), or after the terminator (`end`). */
const position = z.union([count, z.enum(['finish', 'end'])]);
const text = z.string();

/** Everything a request can ask of the simulator; `docs/simulator.md` says what each does. Durations in milliseconds. */
const Steering = z.strictObject({
  // What the books say.
  input: count.optional(),
  cached: count.optional(),
  write: count.optional(),
  write5m: count.optional(),
  write1h: count.optional(),
  output: count.optional(),
  reasoning: count.optional(),
  audio_in: count.optional(),
  image_in: count.optional(),
  audio_out: count.optional(),
  image_out: count.optional(),
  tool_prompt: count.optional(),
  web_searches: count.optional(),
  usage: z.enum(['asked', 'none', 'always', 'finish', 'every']).optional(),
  // What the answer says.
  events: count.optional(),
  bytes: count.optional(),
  text: text.optional(),
  echo: flag,
  stamp: flag,
  stop: z.enum(['stop', 'length', 'content_filter', 'refusal', 'pause']).optional(),
  tools: count.optional(),
  tool_bytes: count.optional(),
  served: text.optional(),
  tier: text.optional(),
  speed: text.optional(),
  polls: count.optional(),
  seed: text.optional(),
  tag: text.optional(),
  blind: flag,
  stream: flag,
  // When it comes.
  delay: duration.optional(),
  hold: flag,
  first_event: duration.optional(),
  pace: duration.optional(),
  heartbeat: duration.optional(),
  slow_head: duration.optional(),
  // In which pieces.
  encoding: z.enum(['gzip', 'deflate', 'br']).optional(),
  split: z
    .string()
    .regex(/^\d+(,\d+)*$/, 'must be byte offsets such as 10,20')
    .transform((list) => list.split(',').map(Number))
    .optional(),
  chunk: count.optional(),
  gap: duration.optional(),
  // How it breaks.
  status: z
    .string()
    .regex(/^[2-5]\d\d$/, 'must be a status from 200 to 599')
    .transform(Number)
    .optional(),
  error: text.optional(),
  message: text.optional(),
  retry_after: duration.optional(),
  html: flag,
  error_after: position.optional(),
  stall_after: position.optional(),
  cut_after: position.optional(),
  cut_at: z.union([count, z.literal('head')]).optional(),
  cut: z.enum(['fin', 'rst']).optional(),
  unterminated: flag,
  junk: count.optional(),
  junk_after: position.optional(),
  bad_json: flag,
  content_length: z
    .string()
    .regex(/^[+-]\d{1,9}$/, 'must be a difference such as +5 or -5')
    .transform(Number)
    .optional(),
  close: flag,
  idle_close: duration.optional(),
  // Something else altogether.
  fixture: text.optional(),
});
export type Steering = z.infer<typeof Steering>;
export type Position = z.infer<typeof position>;

export const NO_STEERING: Steering = {};

/** Names that read better in a header than the ones the books use. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['tokens', 'output'],
  ['no_done', 'unterminated'],
]);

const IN_TEXT = /\[\[sim:([^\]]*)\]\]|sim:\{([^}]*)\}/g;

/** The same with what joins it to the name. */
const IN_NAME = /[-\s]*(?:\[\[sim:[^\]]*\]\]|sim:\{[^}]*\})/g;

/** The settings of each `[[sim: …]]` and `sim:{…}` in a text, joined; empty when there is none. */
export function steeringIn(text: string): string {
  // Prompts are long and nearly always without one.
  if (!text.includes('sim:')) return '';
  return Array.from(text.matchAll(IN_TEXT), (match) => match[1] ?? match[2] ?? '').join(';');
}

/** A model's name without the settings that a client hung on it. */
export function withoutSteering(name: string): string {
  return name.includes('sim:') ? name.replaceAll(IN_NAME, '') : name;
}

export type SteeringResult = { ok: true; value: Steering } | { ok: false; why: string };

/** Load comes with few distinct settings; reading one costs more than the rest of the request. */
const CACHED_SETTINGS = 1024;
const cache = new Map<string, SteeringResult>();

/**
 * Reads settings written as `key=value` pairs between semicolons or blanks; values are percent-decoded, a key alone
 * means `1`, a later pair wins. An unknown key or an odd value is an error: a typo must not test something else.
 */
export function readSteering(settings: string): SteeringResult {
  if (settings === '') return { ok: true, value: NO_STEERING };
  const known = cache.get(settings);
  if (known !== undefined) return known;
  const result = parse(settings);
  if (cache.size >= CACHED_SETTINGS) cache.clear();
  cache.set(settings, result);
  return result;
}

function parse(settings: string): SteeringResult {
  const pairs: Record<string, string> = {};
  for (const pair of settings.split(/[;\s]+/)) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const written = (at < 0 ? pair : pair.slice(0, at)).toLowerCase().replaceAll('-', '_');
    try {
      pairs[ALIASES.get(written) ?? written] = at < 0 ? '1' : decodeURIComponent(pair.slice(at + 1));
    } catch {
      return { ok: false, why: `x-sim: ${written}: not percent-encoded UTF-8` };
    }
  }
  const read = Steering.safeParse(pairs);
  if (read.success) return { ok: true, value: read.data };
  const why = read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`.replace(/^: /, ''));
  return { ok: false, why: `x-sim: ${why.join('; ')}` };
}
