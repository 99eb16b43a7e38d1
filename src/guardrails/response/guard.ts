import type { Api } from '../../contract/api.ts';
import type { Fault } from '../../contract/fault.ts';
import type { BuiltinRule, Verdict } from '../../contract/guardrail.ts';
import { ruleId } from '../../contract/ids.ts';
import { joined } from '../../lib/joined.ts';
import type { TextDetector } from '../detector.ts';
import type { Placeholders } from '../placeholders.ts';
import { hasText } from './api-reader.ts';
import { TELLING_BYTES, beginningOf, bodyKind, sourceOf } from './body-kind.ts';
import type { BodyKind } from './body-kind.ts';
import { EventReader } from './event-reader.ts';
import { Texts } from './reading.ts';
import { Scope, isTextual } from './scope.ts';
import { ElementSource } from './source.ts';
import type { Source } from './source.ts';
import { ToolCalls, blockedBy } from './tool-calls.ts';
import { changesOf, isAllowed, isSettled, rendered } from './unit.ts';
import type { Unit } from './unit.ts';

export interface GuardParts {
  api: Api;
  /** Names of headers are lower-case. */
  head: { status: number; headers: ReadonlyMap<string, string> };
  /** Those that look at responses, in order. */
  rules: readonly BuiltinRule[];
  /** Compiled once per world by the caller. */
  detectors: (rule: BuiltinRule) => TextDetector;
  /** Why a rule does not allow a call; undefined where it does. */
  judgeToolCall: (rule: BuiltinRule, call: { name: string; arguments: string }) => string | undefined;
  /** Known from the request; new ones may be added. */
  placeholders: Placeholders;
  matchKey: Uint8Array;
  nowMs: () => number;
}

export interface Released {
  /** For the journal: placeholders stay, redactions are made. */
  kept: Uint8Array<ArrayBuffer>[];
  /** For the client; undefined: the same bytes. */
  sent: Uint8Array<ArrayBuffer>[] | undefined;
  /** Nothing more comes; what is released before it may still go out. */
  refused: Fault | undefined;
}

/** Stands between a response and its client: bytes in, in any chunking, and out what may go on of them. */
export interface ResponseGuard {
  /** Copies what it keeps. */
  push(bytes: Uint8Array): Released;
  /** `cut`: the body did not end as HTTP says it should; an event that is not whole is then left out. */
  end(how: 'complete' | 'cut'): Released;
  verdicts(): Verdict[];
  /** A whole body in the place of this one: values are put back, and no rule reads it again. */
  restored(body: Uint8Array): Released[];
}

export function openGuard(parts: GuardParts): ResponseGuard {
  return new Guard(parts);
}

/** As for an event of a stream (`protocols/sse.ts`) and a whole body: beyond it the rules cannot look. */
export const GUARD_LIMIT_BYTES = 64 * 1024 * 1024;

/** Released units are taken out of the queue so many at a time: taking out each would move the rest each time. */
const QUEUE_SLACK = 1024;

type State =
  /** What the body is, its first bytes have not told yet. */
  | { at: 'beginning'; bytes: Uint8Array<ArrayBuffer> }
  | { at: 'reading'; kind: BodyKind; source: Source }
  /** Nothing to read, or it cannot be read, and no rule minds. */
  | { at: 'passing' }
  | { at: 'refused'; fault: Fault };

interface Output {
  kept: Uint8Array<ArrayBuffer>[];
  sent: Uint8Array<ArrayBuffer>[];
  differs: boolean;
}

class Guard implements ResponseGuard {
  readonly #parts: GuardParts;
  readonly #api: Api;
  readonly #contentType: string;
  readonly #nowMs: () => number;
  readonly #openedAtMs: number;
  readonly #scope: Scope;
  readonly #texts: Texts;
  readonly #events: EventReader;
  #state: State;
  /** Units that have not left, from `#head` on. */
  #queue: Unit[] = [];
  #head = 0;
  #queuedBytes = 0;
  /** Spent at work, not waiting for the provider. */
  #tookMs = 0;
  /** Why something could not be read. */
  #error: string | null = null;

  constructor(parts: GuardParts) {
    this.#parts = parts;
    this.#api = parts.api;
    this.#contentType = parts.head.headers.get('content-type') ?? '';
    this.#nowMs = parts.nowMs;
    this.#openedAtMs = parts.nowMs();
    this.#scope = new Scope({ ...parts, atMs: this.#openedAtMs });
    const calls = new ToolCalls(this.#scope.runs, parts.judgeToolCall, parts.placeholders);
    this.#texts = new Texts(this.#scope, calls);
    this.#events = new EventReader(parts.api, this.#texts);
    const nothing = !hasText(parts.api) || (parts.rules.length === 0 && parts.placeholders.size === 0);
    this.#state = nothing ? { at: 'passing' } : { at: 'beginning', bytes: new Uint8Array(0) };
  }

  push(bytes: Uint8Array): Released {
    return this.#timed((output) => {
      if (bytes.length > 0) this.#take(new Uint8Array(bytes), output);
    });
  }

  end(how: 'complete' | 'cut'): Released {
    return this.#timed((output) => {
      if (this.#state.at === 'beginning') this.#begin(this.#state.bytes, true, output);
      const state = this.#state;
      if (state.at !== 'reading') return;
      this.#readRest(state, how);
      this.#texts.end();
      // A call that was cut short is nobody's to make, and its events stay behind.
      if (how === 'complete') this.#texts.calls.end();
      this.#drain(output);
    });
  }

  verdicts(): Verdict[] {
    const nowMs = this.#openedAtMs + this.#tookMs;
    return this.#scope.runs.map(({ rule: { builtin }, tally }) => {
      const looks = isTextual(builtin) || builtin.kind === 'tool_policy';
      return tally.verdict(builtin.action, nowMs, looks ? this.#error : null);
    });
  }

  restored(body: Uint8Array): Released[] {
    const guard = new Guard({ ...this.#parts, rules: [] });
    return [guard.push(body), guard.end('complete')];
  }

  #timed(work: (output: Output) => void): Released {
    const startMs = this.#nowMs();
    const output: Output = { kept: [], sent: [], differs: false };
    if (this.#state.at !== 'refused') work(output);
    this.#tookMs += this.#nowMs() - startMs;
    return {
      kept: together(output.kept),
      sent: output.differs ? together(output.sent) : undefined,
      refused: this.#state.at === 'refused' ? this.#state.fault : undefined,
    };
  }

  #take(bytes: Uint8Array<ArrayBuffer>, output: Output): void {
    const state = this.#state;
    switch (state.at) {
      case 'beginning':
        this.#begin(state.bytes.length === 0 ? bytes : joined([state.bytes, bytes]), false, output);
        return;
      case 'reading':
        this.#read(state, bytes, output);
        return;
      case 'passing':
        emit(output, bytes);
        return;
      case 'refused':
    }
  }

  #begin(bytes: Uint8Array<ArrayBuffer>, atEnd: boolean, output: Output): void {
    const kind = bodyKind(this.#api, this.#contentType, beginningOf(bytes), atEnd);
    if (kind === undefined && bytes.length < BEGINNING_BYTES) {
      this.#state = { at: 'beginning', bytes };
      return;
    }
    if (kind === 'unread' && bytes.length > 0) {
      this.#pass(`bodies of the type "${this.#contentType}" are not read`, output);
      if (this.#state.at === 'passing') emit(output, bytes);
      return;
    }
    const state: State = { at: 'reading', kind: kind ?? 'text', source: sourceOf(kind ?? 'text') };
    this.#state = state;
    if (bytes.length > 0) this.#read(state, bytes, output);
  }

  #read(state: Extract<State, { at: 'reading' }>, bytes: Uint8Array<ArrayBuffer>, output: Output): void {
    for (const event of state.source.push(bytes)) {
      if (!this.#readEvent(state.kind, event, true)) break;
    }
    this.#drain(output);
    if (this.#state.at !== 'reading') return;
    if (state.source instanceof ElementSource && state.source.broken) {
      this.#pass('the body is no array of objects', output);
    } else if (this.#queuedBytes + state.source.heldBytes > GUARD_LIMIT_BYTES) {
      this.#pass(`more than ${GUARD_LIMIT_BYTES} bytes would have to wait`, output);
    }
  }

  /** False where nothing after it matters. */
  #readEvent(kind: BodyKind, bytes: Uint8Array<ArrayBuffer>, whole: boolean): boolean {
    const unit: Unit = { bytes, slots: [], gates: [] };
    const readable = this.#events.read(kind, unit);
    if (!readable && !whole && kind !== 'json') return false;
    if (!readable) unit.fault = this.#unread(kind === 'json' ? 'the body is no JSON' : 'an event is no JSON');
    this.#queue.push(unit);
    this.#queuedBytes += bytes.length;
    return unit.fault === undefined && this.#refusal() === undefined;
  }

  /** What has no end of its own: a whole body, or an event without its blank line, which clients may read. */
  #readRest(state: Extract<State, { at: 'reading' }>, how: 'complete' | 'cut'): void {
    const rest = state.source.rest();
    if (rest.length > 0) this.#readEvent(state.kind, rest, how === 'complete');
  }

  #refusal(): Fault | undefined {
    return this.#texts.blocked === undefined ? this.#texts.calls.refusal : this.#blockOf(this.#texts.blocked);
  }

  #blockOf(name: string): Fault | undefined {
    const run = this.#scope.ruleOf(name);
    return run === undefined ? undefined : blockedBy(run.rule);
  }

  /** Releases what is settled, in order. Where something is refused, what stands before it goes out, and nothing else. */
  #drain(output: Output): void {
    const refusal = this.#refusal();
    let fault: Fault | undefined;
    for (; this.#head < this.#queue.length && fault === undefined; this.#head += 1) {
      const unit = this.#queue[this.#head];
      if (unit === undefined || !isSettled(unit)) break;
      fault = unit.fault ?? this.#faultOf(unit);
      if (fault !== undefined) break;
      this.#release(unit, output);
    }
    fault ??= refusal;
    if (fault !== undefined) this.#refuse(fault);
    else if (this.#head >= QUEUE_SLACK || this.#head === this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #release(unit: Unit, output: Output): void {
    const { kept, sent } = rendered(unit);
    emit(output, kept, sent);
    for (const { channel, at, text } of unit.slots) channel.forget(at + text.length);
    this.#queuedBytes -= unit.bytes.length;
  }

  /** What keeps a unit from leaving, though all of it is judged. */
  #faultOf(unit: Unit): Fault | undefined {
    for (const slot of unit.slots) {
      if (slot.channel.changes.length === 0) continue;
      for (const change of changesOf(slot)) {
        if (change.blockedBy !== undefined) return this.#blockOf(change.blockedBy);
        if (isAllowed(slot, change)) continue;
        for (const { tally } of change.by) tally.leave();
        const closed = change.by.find(({ name }) => this.#scope.ruleOf(name)?.rule.failPolicy === 'fail_closed');
        if (closed !== undefined) return unavailable(closed.name, 'it found something in a signed block');
      }
    }
    return undefined;
  }

  /** Notes that something could not be read; the fault, where a rule wants all to be read. */
  #unread(why: string): Fault | undefined {
    this.#error ??= why;
    const closed = this.#scope.runs.find(
      ({ rule: { failPolicy, builtin } }) =>
        failPolicy === 'fail_closed' && !builtin.shadow && (isTextual(builtin) || builtin.kind === 'tool_policy'),
    );
    return closed === undefined ? undefined : unavailable(closed.rule.name, why);
  }

  /** Gives up reading: what waits leaves, and all that comes passes, or nothing does. */
  #pass(why: string, output: Output): void {
    const fault = this.#unread(why);
    if (fault !== undefined) {
      this.#refuse(fault);
      return;
    }
    const state = this.#state;
    this.#texts.end();
    for (const unit of this.#queue.slice(this.#head)) this.#release(unit, output);
    if (state.at === 'reading') emit(output, state.source.rest());
    this.#forget({ at: 'passing' });
  }

  #refuse(fault: Fault): void {
    this.#forget({ at: 'refused', fault });
  }

  #forget(state: State): void {
    this.#state = state;
    this.#queue = [];
    this.#head = 0;
    this.#queuedBytes = 0;
  }
}

/** White space before a body that nobody waits through. */
const BEGINNING_BYTES = 1024 * TELLING_BYTES;

/** In one buffer that can be given away. */
function together(parts: Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer>[] {
  const [first, second] = parts;
  if (first === undefined) return [];
  const isOwn = second === undefined && first.byteLength === first.buffer.byteLength;
  return [isOwn ? first : joined(parts)];
}

function emit(output: Output, kept: Uint8Array<ArrayBuffer>, sent = kept): void {
  if (sent !== kept) output.differs = true;
  if (kept.length > 0) output.kept.push(kept);
  if (sent.length > 0) output.sent.push(sent);
}

function unavailable(rule: string, why: string): Fault {
  return { code: 'guardrail_unavailable', rule: ruleId(rule), why };
}
