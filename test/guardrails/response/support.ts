import type { Api } from '../../../src/contract/api.ts';
import type { Builtin, BuiltinRule, FailPolicy, TextAction, Verdict } from '../../../src/contract/guardrail.ts';
import type { TextDetector } from '../../../src/guardrails/detector.ts';
import { Placeholders } from '../../../src/guardrails/placeholders.ts';
import { openGuard } from '../../../src/guardrails/response/guard.ts';
import type { GuardParts } from '../../../src/guardrails/response/guard.ts';
import type { Fault } from '../../../src/contract/fault.ts';

/** Finds these words wherever they stand; holds back whatever may be the beginning of one. */
export function wordDetector(words: readonly string[], kind = 'word'): TextDetector {
  return {
    find: (text, from, atEnd) => {
      const matches = [];
      let at = from;
      while (at < text.length) {
        const word = words.find((each) => text.startsWith(each, at));
        if (word !== undefined) {
          matches.push({ start: at, end: at + word.length, kind });
          at += word.length;
          continue;
        }
        const rest = text.slice(at);
        if (!atEnd && words.some((each) => each.startsWith(rest))) break;
        at += 1;
      }
      return { matches, settled: at };
    },
  };
}

interface RuleOptions {
  name?: string;
  action?: TextAction;
  shadow?: boolean;
  thinking?: boolean;
  failPolicy?: FailPolicy;
  words?: string[];
}

export const SECRET = 'alice@example.com';

/** A rule whose detector looks for its words. */
export function wordRule(options: RuleOptions = {}): BuiltinRule {
  const { name = 'no-mail', action = 'redact', shadow = false, thinking = false, failPolicy = 'fail_open' } = options;
  const builtin: Builtin = {
    kind: 'words',
    sides: ['response'],
    shadow,
    message: 'not allowed here',
    statusCode: 403,
    action,
    thinking,
    words: options.words ?? [SECRET],
    caseSensitive: true,
    wholeWords: false,
  };
  return { type: 'builtin', name, preference: 0, failPolicy, builtin };
}

export function toolRule(
  options: { action?: 'block' | 'flag'; shadow?: boolean; failPolicy?: FailPolicy } = {},
): BuiltinRule {
  const builtin: Builtin = {
    kind: 'tool_policy',
    sides: ['response'],
    shadow: options.shadow ?? false,
    message: 'no such tool here',
    statusCode: 400,
    action: options.action ?? 'block',
    allow: undefined,
    deny: ['delete_all'],
    arguments: {},
  };
  return { type: 'builtin', name: 'tools', preference: 0, failPolicy: options.failPolicy ?? 'fail_open', builtin };
}

export function knownPlaceholders(known: [string, string][] = []): Placeholders {
  return new Placeholders(Buffer.from('placeholder key'), 'bob@example.com', known);
}

export interface Guarded {
  kept: string;
  sent: string;
  refused: Fault | undefined;
  verdicts: Verdict[];
  /** After each push, and after the end: what the client had by then. */
  sentBytesAfter: number[];
}

export interface GuardOptions {
  contentType?: string | undefined;
  rules?: BuiltinRule[];
  known?: [string, string][];
  how?: 'complete' | 'cut';
  judge?: GuardParts['judgeToolCall'];
  status?: number;
}

export function guarded(api: Api, chunks: Iterable<Uint8Array>, options: GuardOptions = {}): Guarded {
  const { contentType = 'text/event-stream', rules = [wordRule()], known = [] } = options;
  let now = 0;
  const guard = openGuard({
    api,
    head: { status: options.status ?? 200, headers: new Map([['content-type', contentType]]) },
    rules,
    detectors: ({ builtin }) => wordDetector(builtin.kind === 'words' ? builtin.words : []),
    judgeToolCall: options.judge ?? (() => undefined),
    placeholders: knownPlaceholders(known),
    matchKey: Buffer.from('match key'),
    nowMs: () => now++,
  });
  const kept: Uint8Array[] = [];
  const sent: Uint8Array[] = [];
  const sentBytesAfter: number[] = [];
  let refused: Fault | undefined;
  const take = (released: ReturnType<typeof guard.push>): void => {
    kept.push(...released.kept);
    sent.push(...(released.sent ?? released.kept));
    refused ??= released.refused;
    sentBytesAfter.push(sent.reduce((sum, part) => sum + part.length, 0));
  };
  for (const chunk of chunks) {
    if (refused === undefined) take(guard.push(chunk));
  }
  if (refused === undefined) take(guard.end(options.how ?? 'complete'));
  const text = (parts: Uint8Array[]): string => Buffer.concat(parts).toString('utf8');
  return { kept: text(kept), sent: text(sent), refused, verdicts: guard.verdicts(), sentBytesAfter };
}

/** The text in two pieces, at each place. */
export function splits(text: string): [string, string][] {
  return Array.from({ length: text.length + 1 }, (_, at) => [text.slice(0, at), text.slice(at)]);
}
