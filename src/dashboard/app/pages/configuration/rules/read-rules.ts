import { parse, printParseErrorCode } from 'jsonc-parser';
import type { ParseError } from 'jsonc-parser';
import { fieldsOf, textOf, textsOf } from '../config-text.ts';
import type { Fields } from '../config-text.ts';

/** A rule of the gateway itself, or an external hook, as the config has it. */
export interface WrittenRule {
  name: string;
  kind: 'hook' | 'builtin';
  /** Kind of a built-in rule: `personal_data`. */
  what: string;
  /** Of a hook. */
  url: string;
  action: string;
  sides: string[];
  shadow: boolean;
  disabled: boolean;
  preference: number;
  failPolicy: 'fail_open' | 'fail_closed';
}

/** In the order in which they run: by descending preference, then by name. */
export function rulesOf(config: Fields): WrittenRule[] {
  return Object.entries(fieldsOf(config['hooks']))
    .map(([name, hook]) => ruleOf(name, fieldsOf(hook)))
    .sort((left, right) => right.preference - left.preference || (left.name < right.name ? -1 : 1));
}

/** These look at requests alone. */
const OF_REQUESTS = new Set(['parameters', 'prompt_size', 'prompt_injection', 'language']);

/** These only flag. */
const GUESSES = new Set(['prompt_injection', 'language']);

function ruleOf(name: string, hook: Fields): WrittenRule {
  const builtin = fieldsOf(hook['builtin']);
  const isBuiltin = hook['builtin'] !== undefined && hook['builtin'] !== null;
  const what = textOf(builtin['kind']);
  const written = textsOf(builtin['sides']);
  const policy = textOf(hook['fail_policy']);
  return {
    name,
    kind: isBuiltin ? 'builtin' : 'hook',
    what,
    url: textOf(hook['url']),
    action: textOf(builtin['action']),
    sides: !isBuiltin
      ? []
      : written.length > 0
        ? written
        : OF_REQUESTS.has(what)
          ? ['request']
          : ['request', 'response'],
    shadow: builtin['shadow'] === true,
    disabled: hook['disabled'] === true,
    preference: typeof hook['preference'] === 'number' ? hook['preference'] : 0,
    failPolicy:
      policy === ''
        ? isBuiltin && !GUESSES.has(what)
          ? 'fail_closed'
          : 'fail_open'
        : policy === 'fail_open'
          ? 'fail_open'
          : 'fail_closed',
  };
}

/** JSON that an admin types, comments and trailing commas allowed; or what is wrong with it. */
export function typedJson(text: string): { value: unknown } | { wrong: string } {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first === undefined) return { value };
  const line = text.slice(0, first.offset).split('\n').length;
  return { wrong: `line ${line}: ${WORDS[printParseErrorCode(first.error)] ?? 'not JSON'}` };
}

const WORDS: Record<string, string> = {
  ValueExpected: 'a value is missing',
  PropertyNameExpected: 'a name in double quotes is missing',
  ColonExpected: 'a colon is missing',
  CommaExpected: 'a comma is missing',
  CloseBraceExpected: 'a closing brace is missing',
  CloseBracketExpected: 'a closing bracket is missing',
  UnexpectedEndOfString: 'a string does not end',
  InvalidSymbol: 'this is no JSON value',
};

/** A rule of each kind to begin with. */
export const EXAMPLES: Readonly<Record<string, unknown>> = {
  personal_data: { kind: 'personal_data', action: 'tokenise', detect: ['email', 'iban', 'card'] },
  secrets: { kind: 'secrets', action: 'block' },
  words: { kind: 'words', action: 'block', words: ['Project Nightjar'] },
  regex: { kind: 'regex', action: 'flag', patterns: [{ name: 'ticket', pattern: '\\bTCK-[0-9]{4,9}\\b' }] },
  tool_policy: { kind: 'tool_policy', action: 'block', allow: ['read_*'], deny: ['read_secrets'] },
  parameters: { kind: 'parameters', action: 'block', bounds: { max_output_tokens: { max: 8192 } } },
  prompt_size: { kind: 'prompt_size', action: 'block', max_bytes: '1MiB' },
  prompt_injection: { kind: 'prompt_injection', action: 'flag' },
  language: { kind: 'language', action: 'flag', allow: ['en', 'de'] },
};
