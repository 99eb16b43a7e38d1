import type { Api } from '../../../src/contract/api.ts';
import type {
  BuiltinRule,
  CallFacts,
  HookRule,
  RulesSlice,
  TextAction,
  Verdict,
  Wired,
  Words,
} from '../../../src/contract/guardrail.ts';
import type { TextDetector, TextMatch } from '../../../src/guardrails/detector.ts';
import { Placeholders } from '../../../src/guardrails/placeholders.ts';
import { Pace } from '../../../src/guardrails/request/pace.ts';
import { applyTextRule } from '../../../src/guardrails/request/text-rule.ts';
import type { TextOutcome } from '../../../src/guardrails/request/text-rule.ts';
import { textsOf } from '../../../src/guardrails/request/texts.ts';
import type { BodyText } from '../../../src/guardrails/request/texts.ts';
import { Tally } from '../../../src/guardrails/tally.ts';
import { applySplices } from '../../../src/protocols/body-edit.ts';

export const KEYS = { placeholder: Buffer.from('of placeholders'), match: Buffer.from('of matches') };

/** Finds the words as they are written. Holds back as much as could be the beginning of one. */
export function wordDetector(words: readonly string[]): TextDetector {
  const longest = Math.max(...words.map((word) => word.length));
  return {
    find: (text, from, atEnd) => {
      const settled = atEnd ? text.length : Math.max(from, text.length - longest + 1);
      const matches: TextMatch[] = [];
      for (let at = from; at < settled; at++) {
        const word = words.find((one) => text.startsWith(one, at));
        if (word === undefined) continue;
        if (at + word.length > settled && !atEnd) return { matches, settled: at };
        matches.push({ start: at, end: at + word.length, kind: 'word' });
        at += word.length - 1;
      }
      return { matches, settled };
    },
  };
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text));
}

export function bodyOf(value: unknown): Uint8Array<ArrayBuffer> {
  return bytesOf(JSON.stringify(value));
}

export function readTexts(api: Api, body: Uint8Array): BodyText[] {
  const texts = textsOf(api, body);
  if (!texts.ok) throw new Error(`no texts: ${JSON.stringify(texts.fault)}`);
  return texts.value;
}

export interface Applied extends TextOutcome {
  /** The body with the splices made. */
  text: string;
  verdict: Verdict;
  placeholders: [string, string][];
}

/** Applies a rule that looks for words. */
export async function apply(
  api: Api,
  body: Uint8Array<ArrayBuffer>,
  words: string[],
  action: TextAction,
  more: { shadow?: boolean; thinking?: boolean; detector?: TextDetector } = {},
): Promise<Applied> {
  const shadow = more.shadow ?? false;
  const tally = new Tally({ rule: 'r', type: 'words', side: 'request', shadow, matchKey: KEYS.match, atMs: 0 });
  const detector = more.detector ?? wordDetector(words);
  const placeholders = new Placeholders(KEYS.placeholder, 'alice@example.com');
  const run = { name: 'r', action, shadow, detector, tally };
  const parts = { placeholders, thinking: more.thinking ?? false, pace: new Pace() };
  const outcome = await applyTextRule(run, body, readTexts(api, body), parts);
  return {
    ...outcome,
    text: Buffer.from(applySplices(body, outcome.splices)).toString('utf8'),
    verdict: tally.verdict(action, 0),
    placeholders: placeholders.entries(),
  };
}

export const FACTS: CallFacts = {
  login: 'alice@example.com',
  nodeId: 'n1',
  tailnet: 'example.com',
  userAgent: 'test',
  path: '/v1/chat/completions',
  model: 'm',
  provider: 'p',
  requestId: 'r1',
  sessionId: '',
  grants: {},
  quotas: {},
};

export function wire(name: string, events: Wired['events'] = ['pre_request']): Wired {
  return { name, events, send: ['request_body'] };
}

export function hookRule(name: string, more: Partial<HookRule> = {}): HookRule {
  return {
    type: 'hook',
    name,
    preference: 0,
    failPolicy: 'fail_open',
    target: { origin: 'http://127.0.0.1:1', path: '/', host: '127.0.0.1:1', plainHttp: true },
    headers: [],
    timeoutMs: 1000,
    ...more,
  };
}

const COMMON = { sides: ['request' as const], shadow: false, message: 'no such words here', statusCode: 403 };

export function wordsRule(
  name: string,
  words: string[],
  builtin: Partial<Words> = {},
  more: Partial<Omit<BuiltinRule, 'builtin'>> = {},
): BuiltinRule {
  return {
    type: 'builtin',
    name,
    preference: 0,
    failPolicy: 'fail_closed',
    ...more,
    builtin: {
      ...COMMON,
      kind: 'words',
      action: 'redact',
      thinking: false,
      words,
      caseSensitive: true,
      wholeWords: false,
      ...builtin,
    },
  };
}

export function slice(rules: RulesSlice['rules'], disabled: string[] = []): RulesSlice {
  return { rules, disabled, unusable: [], egress: { allow: [], caFile: undefined } };
}
