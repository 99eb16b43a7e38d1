import { z } from 'zod';
import { LANGUAGES, PERSONAL_KINDS, SECRET_KINDS, WINDOW_CHARS } from '../../src/contract/guardrail.ts';
import type { Builtin } from '../../src/contract/guardrail.ts';
import { INJECTION_THRESHOLD } from '../../src/guardrails/heuristics/prompt-injection.ts';
import { readBuiltin } from '../builtin.ts';
import { size } from './fields.ts';

/** More is a data base, and wants a hook. */
const WORDS = 10_000;
const WORD_CHARS = 256;
const PATTERNS = 200;
const PATTERN_CHARS = 2_048;
const TOOLS = 1_000;
const VALUES = 1_000;
const MESSAGE_CHARS = 1_000;

const BUILTIN_KINDS = [
  'personal_data',
  'secrets',
  'words',
  'regex',
  'tool_policy',
  'parameters',
  'prompt_size',
  'prompt_injection',
  'language',
];

/** What a find is counted by, in records and metrics. */
const KIND = /^[a-z][a-z0-9_]{0,31}$/;

function listOf<T extends z.ZodType>(element: T, most: number, what: string) {
  return z.array(element).max(most, { error: `has more than ${most} ${what}` });
}

function kindOf<K extends Builtin['kind']>(kind: K) {
  return z.literal(kind).describe('What the rule is; see docs/guardrails.md');
}

const filled = { error: 'is empty' };
const word = z
  .string()
  .max(WORD_CHARS, { error: `is longer than ${WORD_CHARS} characters` })
  .refine((text) => text.trim() !== '', filled);
const toolGlob = z
  .string()
  .min(1, filled)
  .max(WORD_CHARS, { error: `is longer than ${WORD_CHARS} characters` });

const sides = (fallback: ('request' | 'response')[]) =>
  z
    .array(z.enum(['request', 'response']))
    .min(1, filled)
    .default(fallback)
    .describe('What is looked at');

const common = {
  shadow: z.boolean().default(false).describe('Verdicts are recorded, and nothing is changed or refused'),
  message: z
    .string()
    .min(1, filled)
    .max(MESSAGE_CHARS, { error: `is longer than ${MESSAGE_CHARS} characters` })
    .default('request blocked by guardrail')
    .describe('What a caller is told who is refused'),
  status_code: z.int().min(400).max(499).default(403).describe('Status of a refusal'),
};

const ACTION =
  'Of a find: refuse the request, write "[redacted:kind]", write a placeholder that becomes the value again for the client, or only record it';

const textRule = {
  action: z.enum(['block', 'redact', 'tokenise', 'flag']).describe(ACTION),
  sides: sides(['request', 'response']),
  thinking: z
    .boolean()
    .exactOptional()
    .describe("Whether the model's reasoning is read too; with block and flag it is, with redact and tokenise never"),
  ...common,
};

const judgement = z.enum(['block', 'flag']).describe(ACTION);

const PersonalData = z.strictObject({
  kind: kindOf('personal_data'),
  detect: z
    .array(z.enum(PERSONAL_KINDS))
    .min(1, filled)
    .exactOptional()
    .describe('What is looked for; absent: all of it'),
  names: listOf(word, WORDS, 'names').default([]).describe('Names of people; case and white space do not matter'),
  ...textRule,
});

const Secrets = z.strictObject({
  kind: kindOf('secrets'),
  detect: z
    .array(z.enum(SECRET_KINDS))
    .min(1, filled)
    .exactOptional()
    .describe('What is looked for; absent: all of it'),
  ...textRule,
});

const Words = z.strictObject({
  kind: kindOf('words'),
  words: listOf(word, WORDS, 'words')
    .min(1, filled)
    .describe('Words or phrases; white space inside is any white space'),
  case_sensitive: z.boolean().default(false).describe('Whether capitals matter'),
  whole_words: z.boolean().default(true).describe('Whether a find must not stand inside a longer word'),
  ...textRule,
});

const Regex = z.strictObject({
  kind: kindOf('regex'),
  patterns: listOf(
    z.strictObject({
      name: z
        .string()
        .regex(KIND, { error: 'is not 1 to 32 lower-case letters, digits and "_" that begin with a letter' })
        .describe('What a find is counted by'),
      pattern: z
        .string()
        .min(1, filled)
        .max(PATTERN_CHARS, { error: `is longer than ${PATTERN_CHARS} characters` })
        .describe('RE2 syntax'),
    }),
    PATTERNS,
    'patterns',
  )
    .min(1, filled)
    .describe('What is looked for'),
  window: z.int().min(1).max(WINDOW_CHARS).default(256).describe('How many characters long a match may be'),
  ...textRule,
});

const ToolPolicy = z.strictObject({
  kind: kindOf('tool_policy'),
  action: judgement,
  sides: sides(['request', 'response']),
  allow: listOf(toolGlob, TOOLS, 'globs')
    .exactOptional()
    .describe('Globs over names of tools; absent: all that "deny" does not name'),
  deny: listOf(toolGlob, TOOLS, 'globs').default([]).describe('Globs over names of tools; they go before "allow"'),
  arguments: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .default({})
    .describe('JSON schemas, without patterns, that the arguments of calls have to fit, by name of the tool'),
  ...common,
});

const Bound = z.strictObject({
  min: z.number().exactOptional().describe('Least value'),
  max: z.number().exactOptional().describe('Greatest value'),
  one_of: listOf(z.union([z.string().max(WORD_CHARS), z.number(), z.boolean()]), VALUES, 'values')
    .min(1, filled)
    .exactOptional()
    .describe('Values that are taken'),
  forbidden: z.boolean().exactOptional().describe('The parameter must not be there'),
});

const Parameters = z.strictObject({
  kind: kindOf('parameters'),
  action: judgement,
  sides: sides(['request']),
  bounds: z
    .record(z.string(), Bound)
    .describe('"max_output_tokens" (in any API), or paths into the body such as "generationConfig.topK"'),
  ...common,
});

const PromptSize = z.strictObject({
  kind: kindOf('prompt_size'),
  action: judgement,
  sides: sides(['request']),
  max_bytes: size('1B', '1GiB').exactOptional().describe('Of the body'),
  max_messages: z.int().min(1).max(1_000_000).exactOptional().describe('Of the conversation'),
  ...common,
});

/** Any action is read, so that the refusal of another can say why. */
const flagOnly = textRule.action;

const PromptInjection = z.strictObject({
  kind: kindOf('prompt_injection'),
  action: flagOnly,
  sides: sides(['request']),
  threshold: z
    .int()
    .min(1)
    .max(20)
    .default(INJECTION_THRESHOLD)
    .describe('The sum of weights from which a text is flagged; see docs/guardrails.md'),
  ...common,
});

const LanguageRule = z.strictObject({
  kind: kindOf('language'),
  action: flagOnly,
  sides: sides(['request']),
  allow: z
    .array(z.enum(LANGUAGES))
    .min(1, filled)
    .describe('Languages, as ISO 639-1 writes them, that are not flagged'),
  ...common,
});

/** As written, each part by itself sound; what does not fit together `readBuiltin` refuses. */
const WrittenBuiltin = z.discriminatedUnion(
  'kind',
  [PersonalData, Secrets, Words, Regex, ToolPolicy, Parameters, PromptSize, PromptInjection, LanguageRule],
  { error: `is not one of ${BUILTIN_KINDS.join(', ')}` },
);
export type WrittenBuiltin = z.output<typeof WrittenBuiltin>;

/** `hooks.<name>.builtin`: a rule of the gateway itself, in the words of the contract. */
export const BuiltinConfig = WrittenBuiltin.transform((written, context) => {
  const read = readBuiltin(written);
  if (read.ok) return read.value;
  for (const { path, message } of read.fault) {
    context.issues.push({ code: 'custom', path: [...path], message, input: written });
  }
  return z.NEVER;
});
