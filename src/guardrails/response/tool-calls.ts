import type { BuiltinRule } from '../../contract/guardrail.ts';
import type { Fault } from '../../contract/fault.ts';
import { ruleId } from '../../contract/ids.ts';
import type { Placeholders } from '../placeholders.ts';
import { ArgumentsChannel } from './arguments-channel.ts';
import { changed } from './channel.ts';
import type { RuleRun } from './scope.ts';
import type { Gate } from './unit.ts';

interface Call {
  group: string;
  name: string;
  /** In pieces, as joining them at each one would copy them again and again. */
  pieces: string[];
  /** What the call has where no pieces come. */
  whole: string;
  gate: Gate;
}

type JudgeToolCall = (rule: BuiltinRule, call: { name: string; arguments: string }) => string | undefined;

/** The tool calls of one response: each is judged once it is whole, and waits until then where a rule may refuse it. */
export class ToolCalls {
  readonly #policies: readonly RuleRun[];
  readonly #judge: JudgeToolCall;
  readonly #placeholders: Placeholders;
  /** Under way. */
  readonly #calls = new Map<string, Call>();
  /** The arguments of calls that are told more than once. */
  readonly #told = new Map<string, string>();
  /** Some rule may refuse. */
  readonly #waits: boolean;
  refusal: Fault | undefined;

  constructor(runs: readonly RuleRun[], judge: JudgeToolCall, placeholders: Placeholders) {
    this.#policies = runs.filter(({ rule }) => rule.builtin.kind === 'tool_policy');
    this.#judge = judge;
    this.#placeholders = placeholders;
    this.#waits = this.#policies.some(({ rule }) => mayRefuse(rule));
  }

  get judges(): boolean {
    return this.#policies.length > 0;
  }

  /** Adds to a call, which begins where it is new. Returns what the event with this piece waits for. */
  add(key: string, group: string, more: { name?: string; piece?: string; whole?: string }): Gate | undefined {
    if (!this.judges) return undefined;
    let call = this.#calls.get(key);
    if (call === undefined) {
      call = { group, name: '', pieces: [], whole: '', gate: { open: !this.#waits } };
      this.#calls.set(key, call);
    }
    if (call.name === '') call.name = more.name ?? '';
    if (more.piece !== undefined && more.piece !== '') call.pieces.push(more.piece);
    if (more.whole !== undefined) call.whole = more.whole;
    return call.gate;
  }

  /** Adds to a call that has begun; others are none of the client's. */
  addTo(key: string, piece: string): Gate | undefined {
    const call = this.#calls.get(key);
    return call === undefined ? undefined : this.add(key, call.group, { piece });
  }

  /** Judges a call that is told in one piece; told again, it is judged again only where it differs. */
  whole(key: string, group: string, call: { name: string; arguments: string }): Gate | undefined {
    if (!this.judges || this.#told.get(key) === call.arguments) return undefined;
    this.#told.set(key, call.arguments);
    const gate = this.add(key, group, { name: call.name, whole: call.arguments });
    const known = this.#calls.get(key);
    if (known !== undefined) this.#end(key, { ...known, pieces: [] });
    return gate;
  }

  /** Calls of this group, or all, are whole. */
  end(group?: string): void {
    for (const [key, call] of this.#calls) {
      if (group === undefined || call.group === group) this.#end(key, call);
    }
  }

  #end(key: string, { name, pieces, whole, gate }: Call): void {
    this.#calls.delete(key);
    const text = pieces.length > 0 ? pieces.join('') : whole;
    // As the client gets it: with the values where placeholders stand. No arguments are none.
    const call = { name, arguments: this.#restored(text === '' ? '{}' : text) };
    for (const { rule, tally } of this.#policies) {
      tally.read('tool_call', text.length);
      if (this.#judge(rule, call) === undefined) continue;
      tally.match(name, name);
      if (mayRefuse(rule)) this.refusal ??= blockedBy(rule);
    }
    if (this.refusal === undefined) gate.open = true;
  }

  #restored(text: string): string {
    if (this.#placeholders.size === 0) return text;
    const channel = new ArgumentsChannel({ runs: [], restore: true }, this.#placeholders);
    channel.push(text);
    channel.end();
    return changed(text, 0, channel.changes, 'sent');
  }
}

function mayRefuse({ builtin }: BuiltinRule): boolean {
  return builtin.kind === 'tool_policy' && builtin.action === 'block' && !builtin.shadow;
}

export function blockedBy({ name, builtin }: BuiltinRule): Fault {
  const { statusCode, message } = builtin;
  return { code: 'guardrail_blocked', rule: ruleId(name), side: 'response', status: statusCode, message };
}
