import type { EgressTarget } from './egress.ts';
import type { Edit } from './exchange.ts';
import type { Fault } from './fault.ts';
import type { BodyFields } from './messages.ts';
import type { Usage } from './usage.ts';

/** What a rule looks at. Hooks see requests before they are sent, answers before the client has them, and what is over. */
export type Side = 'request' | 'response';

/** `response` is ours: a hook is asked about the whole answer before the client has any of it. */
export const HOOK_EVENTS = ['pre_request', 'response', 'entire_request', 'tool_call_entire_request'] as const;
export type HookEvent = (typeof HOOK_EVENTS)[number];

/** What a hook is told (aperture.md, section 6.2), under the names that the config has for it. */
export const SEND_FIELDS = [
  'request_body',
  'user_message',
  'response_body',
  'raw_responses',
  'tools',
  'estimated_cost',
  'grants',
  'quotas',
] as const;
export type SendField = (typeof SEND_FIELDS)[number];

/** A hook or built-in rule as the grants of one exchange name it: events and fields of all of them together. */
export interface Wired {
  name: string;
  events: HookEvent[];
  send: SendField[];
}

export type FailPolicy = 'fail_open' | 'fail_closed';

/**
 * One entry of `hooks` in the config, enabled and compiled to plain data. Rules run by descending `preference`, then by
 * name.
 */
export type Rule = HookRule | BuiltinRule;

export interface HookRule {
  type: 'hook';
  name: string;
  preference: number;
  failPolicy: FailPolicy;
  target: EgressTarget;
  /** The credential; secret. */
  headers: [string, string][];
  /** 0: no limit of the config's own; the exchange's total deadline ends it. */
  timeoutMs: number;
}

export interface BuiltinRule {
  type: 'builtin';
  name: string;
  preference: number;
  /** When the rule cannot look: at a body that is no JSON, for instance. */
  failPolicy: FailPolicy;
  builtin: Builtin;
}

export type TextAction = 'block' | 'redact' | 'tokenise' | 'flag';

interface BuiltinCommon {
  sides: Side[];
  /** Verdicts are recorded and nothing is changed or refused. */
  shadow: boolean;
  /** Of a block. */
  message: string;
  statusCode: number;
}

interface TextRuleCommon extends BuiltinCommon {
  action: TextAction;
  /**
   * Whether the model's reasoning is read too. Never where text is replaced: reasoning is signed, and a signed block is
   * sent back as it came.
   */
  thinking: boolean;
}

export const PERSONAL_KINDS = ['email', 'phone', 'iban', 'card', 'national_id', 'ip_address', 'name'] as const;
export type PersonalKind = (typeof PERSONAL_KINDS)[number];

export const SECRET_KINDS = ['provider_key', 'cloud_key', 'private_key', 'jwt'] as const;
export type SecretKind = (typeof SECRET_KINDS)[number];

/** `hooks.<name>.builtin`, as config has read it. */
export type Builtin = TextBuiltin | ToolPolicy | ParameterBounds | PromptSize | Heuristic;

/** Those that look for something in texts. */
export type TextBuiltin = PersonalData | Secrets | Words | Regex;

export interface PersonalData extends TextRuleCommon {
  kind: 'personal_data';
  detect: PersonalKind[];
  /** Whole names; case and white space do not matter. */
  names: string[];
}

export interface Secrets extends TextRuleCommon {
  kind: 'secrets';
  detect: SecretKind[];
}

export interface Words extends TextRuleCommon {
  kind: 'words';
  /** Words or phrases; white space inside is any white space. */
  words: string[];
  caseSensitive: boolean;
  /** Not inside a longer word. */
  wholeWords: boolean;
}

export interface Regex extends TextRuleCommon {
  kind: 'regex';
  /** RE2 syntax. A match may be at most `window` characters long: a longer one is not found in a stream. */
  patterns: { name: string; pattern: string }[];
  window: number;
}

/** Judges the tools that a request offers (`request`) and the calls that a response makes (`response`). */
export interface ToolPolicy extends BuiltinCommon {
  kind: 'tool_policy';
  action: 'block' | 'flag';
  /** Globs over tool names, `*` for any characters. With `allow`, every other tool is refused; `deny` goes before it. */
  allow: string[] | undefined;
  deny: string[];
  /** JSON schemas that the arguments of calls have to fit, by tool name. Without keywords that hold patterns. */
  arguments: Record<string, Record<string, unknown>>;
}

/** `max_output_tokens` is the limit of the output in any API; other names are paths into the body, as `generationConfig.topK`. */
export interface ParameterBounds extends BuiltinCommon {
  kind: 'parameters';
  action: 'block' | 'flag';
  bounds: Record<string, { min?: number; max?: number; oneOf?: (string | number | boolean)[]; forbidden?: boolean }>;
}

export interface PromptSize extends BuiltinCommon {
  kind: 'prompt_size';
  action: 'block' | 'flag';
  maxBytes: number | undefined;
  maxMessages: number | undefined;
}

/** Those that guess: they look at requests, and flag. */
export type Heuristic = PromptInjection | LanguageRule;

export function isHeuristic(builtin: Builtin): builtin is Heuristic {
  return builtin.kind === 'prompt_injection' || builtin.kind === 'language';
}

/** Looks for what wants to be obeyed, in what users write and tools tell. */
export interface PromptInjection extends BuiltinCommon {
  kind: 'prompt_injection';
  action: 'flag';
  /** The sum of weights that a text has to reach (`guardrails/heuristics/prompt-injection.ts`). */
  threshold: number;
}

/** Flags what users write in a language that is not among these. */
export interface LanguageRule extends BuiltinCommon {
  kind: 'language';
  action: 'flag';
  allow: Language[];
}

/** Languages that are told apart: by their letters, and those in Latin letters by their commonest words. */
export const LANGUAGES = [
  'en',
  'de',
  'fr',
  'es',
  'it',
  'pt',
  'nl',
  'sv',
  'da',
  'pl',
  'cs',
  'tr',
  'fi',
  'ru',
  'uk',
  'el',
  'he',
  'ar',
  'fa',
  'hi',
  'th',
  'zh',
  'ja',
  'ko',
] as const;
export type Language = (typeof LANGUAGES)[number];

/** Text rules with the longest reach decide how much of a stream is held back at most. */
export const WINDOW_CHARS = 4096;

/** All that a thread which runs rules knows of a world. Secret: it holds keys of hooks. */
export interface RulesSlice {
  rules: Rule[];
  /** Names of entries that are switched off: a grant that names one is not misspelt. */
  disabled: string[];
  /** Hooks that cannot be called as they are configured: where a grant names one, its `fail_policy` decides. */
  unusable: { name: string; failPolicy: FailPolicy; why: string }[];
  egress: { allow: string[]; caFile: string | undefined };
}

/** Derived once per process from the gateway's secret; the same in all processes that share it. */
export interface RuleKeys {
  /** Of placeholders. */
  placeholder: Uint8Array;
  /** Of what stands in a record for a match. */
  match: Uint8Array;
}

/** What a hook is told of an exchange, beside the fields that it asked for. */
export interface CallFacts {
  login: string;
  nodeId: string;
  tailnet: string;
  userAgent: string;
  /** The path, without the query. */
  path: string;
  model: string;
  provider: string;
  requestId: string;
  /** `session_base` of the record; empty where it is not known yet. */
  sessionId: string;
  /** Capabilities that are neither ours nor Tailscale's, by key. */
  grants: Readonly<Record<string, readonly unknown[]>>;
  quotas: Record<string, { current: number; capacity: number; rate: string }>;
}

/** How a rule judged one side of an exchange, as the record has it. Never holds what was matched. */
export interface Verdict {
  rule: string;
  /** `hook`, or the kind of the built-in rule. */
  type: string;
  side: Side;
  /**
   * `modify`: a hook replaced the body. `error`: it could not judge, and `error` says why; the rule's `fail_policy` said
   * what then.
   */
  action: 'allow' | 'block' | 'modify' | 'redact' | 'tokenise' | 'flag' | 'error';
  /** It would have been so: nothing was changed. */
  shadow: boolean;
  /** RFC 3339 is the API's; this is milliseconds since the epoch. */
  at_ms: number;
  took_ms: number;
  /** Characters of text that were read; null for a hook. */
  scanned_chars: number | null;
  /** Where they stood: `system`, `user`, `assistant`, `tool_call`, `tool_result`, `thinking`, `parameters`, `tools`, `text`. */
  scanned: string[];
  /** Matches by kind: `{"email": 2}`; names of tools and parameters are kinds too. */
  counts: Record<string, number>;
  /** Keyed hashes of the first matches, 16 hex digits each: the same for the same value. */
  matches: string[];
  /** Matches in signed blocks, which stay as they are. */
  untouched: number;
  error: string | null;
}

/** Matches of which a verdict keeps the hash. */
export const VERDICT_MATCHES = 16;

/** `redact: email 2, card 1`: what a rule changed, for the record. */
export function editsOf(verdicts: readonly Verdict[]): Edit[] {
  return verdicts.flatMap(({ rule, side, action, shadow, counts }): Edit[] => {
    if (shadow || (action !== 'modify' && action !== 'redact' && action !== 'tokenise')) return [];
    const kinds = Object.entries(counts).map(([kind, count]) => `${kind} ${count}`);
    return [{ kind: 'rule', side, detail: `${rule}: ${action}${kinds.length === 0 ? '' : ` ${kinds.join(', ')}`}` }];
  });
}

/** What came of the rules on a request. */
export interface Decided {
  verdicts: Verdict[];
  /** Refused: `verdicts` ends with the one that did it. */
  fault: Fault | undefined;
  /** Of the body as it is to be sent; undefined where it is what it was. */
  fields: BodyFields | undefined;
  /** What was put in the place of what: placeholder, value. Secret. */
  placeholders: [string, string][];
}

/** What a thread needs to judge a response. */
export interface Deciding {
  /** Names of the rules that look at it. */
  rules: string[];
  placeholders: [string, string][];
  /** Hooks that are asked about the answer when it is whole, and what all of them are told; absent: it goes on as it comes. */
  asking?: Asking;
}

export interface Asking {
  /** All of them name the event `response`. */
  wired: Wired[];
  facts: CallFacts;
}

/** An event that a hook is told of when the exchange is over. */
export type PostEvent = Exclude<HookEvent, 'pre_request' | 'response'>;

export function isPostEvent(event: HookEvent): event is PostEvent {
  return event !== 'pre_request' && event !== 'response';
}

/** A hook that is told of an exchange when it is over: what only the front door knows of that, kept in the journal. */
export interface PostHook {
  name: string;
  events: PostEvent[];
  send: SendField[];
  tailnet: string;
  /** Null where they are not asked for. */
  grants: CallFacts['grants'] | null;
  quotas: CallFacts['quotas'] | null;
}

/** What a hook is told of an exchange by its record. */
export interface PostFacts {
  session_base: string;
  /** Decimal string; null where the cost is unknown. */
  cost_nanodollars: string | null;
  cost_basis: string | null;
  usage: Usage | null;
  server_tools: Record<string, number>;
  /** Null where the record does not have them whole: the response has. */
  tool_calls: { name: string; arguments: string }[] | null;
}
