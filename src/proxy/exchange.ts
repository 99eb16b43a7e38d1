import type { Dialect } from '../contract/api.ts';
import type { Closed, Edit, ExchangeState, Opened } from '../contract/exchange.ts';
import type { Fault, FaultCode } from '../contract/fault.ts';
import { answerTo } from '../contract/fault.ts';
import type { Verdict } from '../contract/guardrail.ts';
import { editsOf } from '../contract/guardrail.ts';
import type { Release } from '../contract/messages.ts';
import type { ResourceNote } from '../contract/resource.ts';
import type { Arrival } from '../lib/arrival.ts';
import type { ByteBudget } from '../lib/byte-budget.ts';
import type { Clock } from '../lib/clock.ts';
import { Pace } from '../lib/pace.ts';
import { unreachable } from '../lib/result.ts';
import { EVENT_STREAM_TYPE, FrameCursor } from '../protocols/bedrock/event-stream.ts';
import { shapeFault } from '../protocols/fault-shapes.ts';
import type { AnswerReader, ClientStream, ExchangeJournal, ExchangeTap, WireFilter } from './client.ts';
import { answerHeaders, ownHeaders, timingHeaders, valueOf } from './answer-headers.ts';
import type { Times } from './answer-headers.ts';
import { HeldAnswer } from './held-answer.ts';
import { redactHeaders } from './headers.ts';
import { lastWords } from './last-words.ts';
import { Outflow } from './outflow.ts';
import { Undecided } from './undecided.ts';
import type { UpstreamCall, UpstreamEvents, UpstreamFailure, UpstreamRequest, Upstreams } from './upstream.ts';
import type { Watchdog, Watched } from './watchdog.ts';

export interface ExchangeTimeouts {
  connect_ms: number;
  first_byte_ms: number;
  idle_ms: number;
  total_ms: number;
}

/** Told of each head that was released. */
export interface ExchangeMetrics {
  /** What the gateway itself added, in milliseconds: what `server-timing` says too. */
  overhead(ms: number): void;
  /** Refused by a rule that looks at responses. */
  refused(code: FaultCode): void;
}

/** What all exchanges of a process share. */
export interface ExchangeServices {
  clock: Clock;
  /** Of this thread. */
  arrivedAtMs: Arrival;
  metrics: ExchangeMetrics;
  journal: ExchangeJournal;
  upstreams: Upstreams;
  watchdog: Watchdog;
  budget: ByteBudget;
}

/** What one exchange was planned to be. */
export interface ExchangePlan {
  opened: Opened;
  dialect: Dialect;
  provider: string;
  upstream: UpstreamRequest;
  requestBytes: number;
  timeouts: ExchangeTimeouts;
  edits: Edit[];
  /** Of ours, with every answer. */
  moreHeaders: [string, string][];
  /** Made for an event stream whose usage event the client did not ask for. */
  wireFilter: (() => WireFilter) | undefined;
  tap: ExchangeTap;
  /**
   * Rules decide about the response: its bytes go to the tap alone, and what may go on comes back through `released` and
   * `refusedByRule`.
   */
  gated: boolean;
  /** They let nothing go before all of it has come. */
  heldWhole?: boolean;
  /** Of requests about what providers keep; never together with `gated`. */
  reader?: AnswerReader | undefined;
  client: ClientStream;
  /** Called once, when the record's facts at the wire are known. */
  onClosed: (closed: Closed) => void;
}

type State =
  | { at: 'journaling' }
  | { at: 'waiting'; call: UpstreamCall; sinceMs: number }
  | { at: 'streaming'; call: UpstreamCall; lastByteAtMs: number }
  /** The provider is done, `fault` or not; the rules are not. */
  | { at: 'deciding'; fault: Fault | undefined; sinceMs: number }
  | { at: 'ended' };

/**
 * One request against its plan: opened in the journal, sent, its bytes journaled, copied to the inspector and released
 * to the client, and closed. The wire path of an exchange stays on this thread, and no response byte is written to the
 * client before it is in the journal.
 */
export class Exchange implements UpstreamEvents, Watched {
  readonly #services: ExchangeServices;
  readonly #plan: ExchangePlan;
  #state: State = { at: 'journaling' };
  #attempts: Closed['attempts'] = [];
  #sentAtMs = 0;
  /** Between the provider's answer and our first look at it. */
  #waitedMs = 0;
  #firstByteAtMs: number | null = null;
  #status = 0;
  /** Journaled first, and then released. */
  #headOnItsWay = false;
  #headReleased = false;
  #eventStream = false;
  /** Of a binary event stream: where it stands. */
  #frames: FrameCursor | undefined;
  /** Text of ours may follow what the provider sent: its events are not compressed, and no length was declared. */
  #maySayMore = false;
  #filter: WireFilter | undefined;
  #providerRequestId: string | null = null;
  #responseBytes = 0;
  /** Of a stream alone. */
  #pace: Pace | undefined;
  readonly #outflow: Outflow;
  #paused = false;
  #pausedAtMs = 0;
  /** Of a response that rules decide about: a head that waits for the first bytes that may follow it. */
  #heldHead: { status: number; headers: [string, string][]; atMs: number } | undefined;
  readonly #undecided: Undecided;
  #verdicts: Verdict[] | undefined;
  /** The client got bytes that the journal has not: values for placeholders. */
  #restored = false;
  #tapEnded = false;
  /** An answer that is read whole before anything of it goes on. */
  #held: HeldAnswer | undefined;
  #notes: ResourceNote[] = [];

  constructor(services: ExchangeServices, plan: ExchangePlan) {
    this.#services = services;
    this.#plan = plan;
    this.#undecided = new Undecided(services.budget);
    this.#outflow = new Outflow(plan.client, services.budget, {
      full: () => {
        this.#pause();
      },
      taken: () => {
        this.#resume();
      },
    });
  }

  /** Runs the exchange. The `opened` frame and the request's bytes are in the journal's hands already. */
  start(): void {
    const { client, opened } = this.#plan;
    this.#services.watchdog.add(this);
    client.onGone(() => {
      this.#clientGone();
    });
    client.onDrain(() => {
      this.#outflow.drained();
    });
    if (client.gone) {
      this.#clientGone();
      return;
    }
    // A request that reached a provider has a record, also after kill -9: so it is sent once it is journaled.
    this.#services.journal.barrier(opened.id, () => {
      if (this.#state.at === 'journaling') this.#send();
    });
  }

  /** Ends the exchange by our own decision (drain, kill switch, deadline): the stream ends with an error event. */
  refuse(fault: Fault, state: ExchangeState = 'error'): void {
    if (this.#state.at === 'ended') return;
    this.#abortUpstream();
    this.#fail(fault, state);
  }

  checkDeadlines(nowMs: number): void {
    const { timeouts, provider, opened } = this.#plan;
    const expired = (phase: 'first_byte' | 'idle' | 'total', afterMs: number): void => {
      this.refuse({ code: 'upstream_timeout', provider, phase, afterMs });
    };
    if (nowMs - opened.received_at_ms > timeouts.total_ms) {
      expired('total', timeouts.total_ms);
      return;
    }
    switch (this.#state.at) {
      case 'waiting':
        if (nowMs - this.#state.sinceMs > timeouts.first_byte_ms) expired('first_byte', timeouts.first_byte_ms);
        return;
      case 'streaming':
        if (this.#paused) {
          // The provider is not to blame while we do not read: here it is the client that stopped.
          if (nowMs - this.#pausedAtMs > timeouts.idle_ms) this.#clientStalled();
        } else if (nowMs - this.#state.lastByteAtMs > timeouts.idle_ms) expired('idle', timeouts.idle_ms);
        return;
      case 'journaling':
      case 'deciding': // A thread that decides nothing any more is found out, and ended, by the pool.
      case 'ended':
        return;
      default:
        return unreachable(this.#state);
    }
  }

  // -- Rules --------------------------------------------------------------------------------------------------------

  /** What the rules let go: into the journal, and to the client. */
  released(release: Release): void {
    if (this.#state.at !== 'streaming' && this.#state.at !== 'deciding') return;
    const { opened } = this.#plan;
    const { kept, sent, verdicts } = release;
    this.#undecided.letGo(release);
    const last = verdicts !== undefined;
    if (last) this.#verdicts = verdicts;
    if (kept.byteLength > 0) {
      this.#responseBytes += kept.byteLength;
      this.#pace?.note(this.#responseBytes, this.#sinceReceivedMs(this.#services.clock.nowMs()));
      this.#services.journal.append(opened.id, 'response', kept);
    }
    const onward = sent ?? kept;
    if (sent !== undefined) this.#restored = true;
    const chunks = onward.byteLength === 0 ? [] : this.#filter === undefined ? [onward] : this.#filter.push(onward);
    if (last && this.#filter !== undefined) chunks.push(...this.#filter.end());
    // A body that the provider did not finish is not made to look whole.
    const cut = this.#state.at === 'deciding' && this.#state.fault !== undefined;
    if (chunks.length > 0 || (last && !cut)) this.#releaseHeldHead(last && !cut ? chunks : undefined);
    this.#forward(chunks);
    if (this.#outflow.isEmpty) this.#resume();
    if (last && this.#state.at === 'deciding') this.#endDecided(this.#state.fault);
  }

  refusedByRule(fault: Fault, verdicts: Verdict[]): void {
    if (this.#state.at === 'ended') return;
    if (verdicts.length > 0) this.#verdicts = verdicts;
    this.#services.metrics.refused(fault.code);
    this.refuse(fault, isRules(fault) ? 'blocked' : 'error');
  }

  // -- Upstream -----------------------------------------------------------------------------------------------------

  leaving(): void {
    if (this.#sentAtMs === 0) this.#sentAtMs = this.#services.clock.nowMs();
  }

  head(status: number, headers: [string, string][]): void {
    if (this.#state.at !== 'waiting') return;
    const { call } = this.#state;
    // Its bytes were there before this thread came to look at them: that time is ours.
    const nowMs = Math.max(this.#sentAtMs, this.#services.arrivedAtMs());
    this.#waitedMs = this.#services.clock.nowMs() - nowMs;
    this.#state = { at: 'streaming', call, lastByteAtMs: nowMs };
    this.#status = status;
    this.#outcome(String(status));
    const { opened, tap, wireFilter, gated } = this.#plan;
    const contentType = valueOf(headers, 'content-type') ?? '';
    const encoded = (valueOf(headers, 'content-encoding') ?? 'identity') !== 'identity';
    this.#eventStream = contentType.startsWith('text/event-stream');
    if (contentType.startsWith(EVENT_STREAM_TYPE)) this.#frames = new FrameCursor();
    if (this.#eventStream && (!encoded || gated) && status === 200) this.#filter = wireFilter?.();
    // Some streams are a JSON array, or in a binary format.
    if (this.#eventStream || (opened.stream && status === 200)) this.#pace = new Pace();
    this.#providerRequestId =
      valueOf(headers, 'x-request-id') ??
      valueOf(headers, 'request-id') ??
      valueOf(headers, 'x-amzn-requestid') ??
      null;
    const kept = redactHeaders(headers);
    tap.head(status, kept);
    if (gated) {
      // Rules read, and let go, what the encoding hid; its length is theirs to know.
      const plain = headers.filter(([name]) => name !== 'content-encoding' && name !== 'content-length');
      this.#services.journal.append(opened.id, 'head', { status, headers: redactHeaders(plain) });
      this.#heldHead = { status, headers: plain, atMs: nowMs };
      this.#maySayMore = this.#eventStream;
      // A stream has begun once its head is there; a body, and what is held whole, may still become an error.
      if (this.#eventStream && this.#plan.heldWhole !== true) this.#releaseHeldHead(undefined);
      return;
    }
    const heldBytes = this.#plan.reader?.heldBytes;
    if (heldBytes !== undefined && status >= 200 && status <= 299) {
      this.#held = new HeldAnswer(this.#services.budget, headers, heldBytes);
      return;
    }
    this.#services.journal.append(opened.id, 'head', { status, headers: kept });
    const declared = this.#filter === undefined ? Number(valueOf(headers, 'content-length') ?? Number.NaN) : Number.NaN;
    const length = Number.isSafeInteger(declared) && declared >= 0 ? declared : undefined;
    this.#maySayMore = (this.#eventStream || this.#frames !== undefined) && !encoded && length === undefined;
    this.#releaseHead(status, headers, nowMs, length);
  }

  data(chunk: Uint8Array): void {
    if (this.#state.at !== 'streaming') return;
    const nowMs = this.#services.clock.nowMs();
    this.#state.lastByteAtMs = nowMs;
    this.#firstByteAtMs ??= nowMs;
    const { opened, tap, gated, heldWhole } = this.#plan;
    if (gated) {
      tap.response(chunk);
      this.#undecided.add(chunk.byteLength);
      if (this.#undecided.isAhead) this.#pause();
      if (heldWhole === true) this.#boundHolding();
      return;
    }
    if (this.#held !== undefined) {
      const fault = this.#held.take(chunk, this.#plan.provider);
      if (fault === undefined) return;
      if (this.#plan.reader?.mayPass === true) this.#letPass(this.#held);
      else this.refuse(fault);
      return;
    }
    this.#responseBytes += chunk.byteLength;
    this.#pace?.note(this.#responseBytes, this.#sinceReceivedMs(nowMs));
    this.#services.journal.append(opened.id, 'response', chunk);
    tap.response(chunk);
    this.#frames?.push(chunk);
    this.#forward(this.#filter === undefined ? [chunk] : this.#filter.push(chunk));
  }

  end(): void {
    if (this.#state.at !== 'streaming') return;
    if (this.#plan.gated) {
      this.#decide(undefined);
      return;
    }
    if (this.#plan.reader !== undefined) {
      void this.#readAnswer(this.#plan.reader);
      return;
    }
    if (this.#filter !== undefined) this.#forward(this.#filter.end());
    this.#complete();
  }

  failed(failure: UpstreamFailure): void {
    const { provider } = this.#plan;
    if (this.#state.at === 'ended' || this.#state.at === 'deciding') return;
    if (this.#state.at === 'waiting') this.#outcome(failure.kind);
    // Nothing of the request left, so nothing can have been billed: a socket that died while it was idle.
    if (!failure.sent && failure.kind === 'broken' && this.#attempts.length < 2) {
      this.#send();
      return;
    }
    const fault = faultOf(failure, provider, this.#plan.timeouts.connect_ms);
    // What was whole of it may still go out.
    if (this.#plan.gated && this.#state.at === 'streaming') this.#decide(fault);
    else this.#fail(fault);
  }

  // -- Inside -------------------------------------------------------------------------------------------------------

  /** The provider is done. What its answer tells is known before the client has it, or its end. */
  async #readAnswer(reader: AnswerReader): Promise<void> {
    const held = this.#held;
    const doneAtMs = this.#services.clock.nowMs();
    const read = await reader.read(this.#status, held?.headers ?? [], held?.body() ?? NOTHING);
    if (this.#state.at !== 'streaming') return;
    if (!read.ok) {
      this.#fail(read.fault);
      return;
    }
    const { headers, body, edits, notes } = read.value;
    this.#notes = notes;
    this.#plan.edits.push(...edits);
    if (held !== undefined) {
      this.#releaseWhole(headers, body, doneAtMs, NO_BODY.has(this.#status) ? undefined : body.byteLength);
    }
    this.#complete();
  }

  /** It is too long to be read whole, and goes on as it comes. */
  #letPass(held: HeldAnswer): void {
    const body = held.body();
    held.end();
    this.#held = undefined;
    this.#releaseWhole(held.headers, body, this.#services.clock.nowMs(), undefined);
  }

  /** An answer that was held, as the client gets it: so it is journaled, and so an inspector sees it. */
  #releaseWhole(headers: [string, string][], body: Uint8Array, atMs: number, length: number | undefined): void {
    const { opened, tap } = this.#plan;
    this.#services.journal.append(opened.id, 'head', { status: this.#status, headers: redactHeaders(headers) });
    if (body.byteLength > 0) {
      this.#responseBytes = body.byteLength;
      this.#services.journal.append(opened.id, 'response', body);
      tap.response(body);
    }
    this.#releaseHead(this.#status, headers, atMs, length);
    this.#forward([body]);
  }

  #complete(): void {
    this.#close('complete', null, () => {
      this.#plan.client.end();
    });
  }

  #send(): void {
    const nowMs = this.#services.clock.nowMs();
    this.#attempts.push({ provider: this.#plan.provider, started_at_ms: nowMs, outcome: 'pending' });
    // The state comes first: undici may report a refusal before `call` returns.
    const early: { call: UpstreamCall | undefined } = { call: undefined };
    const proxy: UpstreamCall = {
      pause: () => early.call?.pause(),
      resume: () => early.call?.resume(),
      abort: () => early.call?.abort(),
    };
    this.#state = { at: 'waiting', call: proxy, sinceMs: nowMs };
    early.call = this.#services.upstreams.call(this.#plan.upstream, this);
  }

  #releaseHead(status: number, headers: [string, string][], atMs: number, length: number | undefined): void {
    this.#headOnItsWay = true;
    this.#services.journal.barrier(this.#plan.opened.id, () => {
      this.#headReleased = true;
      this.#plan.client.head(status, this.#clientHeaders(headers), length, () => this.#timing(atMs));
    });
  }

  /** `whole`: all that follows it. */
  #releaseHeldHead(whole: readonly Uint8Array[] | undefined): void {
    const held = this.#heldHead;
    if (held === undefined) return;
    this.#heldHead = undefined;
    const bytes = whole?.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    const isStream = this.#eventStream || this.#frames !== undefined;
    const length = isStream || NO_BODY.has(held.status) ? undefined : bytes;
    // Of a body that was held whole, the time until its end was the provider's.
    const atMs = this.#state.at === 'deciding' ? this.#state.sinceMs : held.atMs;
    this.#releaseHead(held.status, held.headers, atMs, length);
  }

  #boundHolding(): void {
    const why = this.#undecided.whyNoMore();
    if (why !== undefined) this.#plan.tap.giveUpHolding?.(why);
  }

  /** The provider is done; the rules are asked for the rest. */
  #decide(fault: Fault | undefined): void {
    this.#state = { at: 'deciding', fault, sinceMs: this.#services.clock.nowMs() };
    this.#endTap(fault === undefined ? 'complete' : 'cut');
  }

  #endDecided(fault: Fault | undefined): void {
    if (fault !== undefined) this.#fail(fault);
    else this.#complete();
  }

  #endTap(how: 'complete' | 'cut'): void {
    if (this.#tapEnded) return;
    this.#tapEnded = true;
    this.#plan.tap.end(how);
  }

  /** Writes to the client what is journaled, and pauses this upstream, and no other, when the client is slow. */
  #forward(chunks: Uint8Array[]): void {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.byteLength;
    if (bytes === 0) return;
    this.#outflow.expect(bytes);
    this.#services.journal.barrier(this.#plan.opened.id, () => {
      this.#outflow.write(chunks, bytes);
    });
  }

  #pause(): void {
    if (this.#paused || this.#state.at !== 'streaming') return;
    this.#paused = true;
    this.#pausedAtMs = this.#services.clock.nowMs();
    this.#state.call.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#state.at !== 'streaming' || this.#undecided.isAhead) return;
    this.#paused = false;
    this.#state.lastByteAtMs = this.#services.clock.nowMs();
    this.#state.call.resume();
  }

  #clientGone(): void {
    if (this.#state.at === 'ended') return;
    this.#abortUpstream();
    this.#close('aborted', { code: 'client_gone' }, () => {
      // Nobody is there.
    });
  }

  #clientStalled(): void {
    this.#abortUpstream();
    this.#close('aborted', { code: 'client_gone' }, () => {
      this.#plan.client.reset();
    });
  }

  #abortUpstream(): void {
    if (this.#state.at !== 'waiting' && this.#state.at !== 'streaming') return;
    if (this.#state.at === 'waiting') this.#outcome('aborted');
    this.#state.call.abort();
  }

  /** Ends in failure: an error answer while none was begun; else a broken stream stays broken. */
  #fail(fault: Fault, state: ExchangeState = 'error'): void {
    const { client, dialect, opened } = this.#plan;
    if (!this.#headOnItsWay) {
      const shaped = shapeFault(dialect, fault, opened.id);
      this.#status = shaped.status;
      this.#close(state, fault, () => {
        const times = this.#timesAt(undefined);
        const timing = times === undefined ? [] : timingHeaders(times);
        client.send(shaped.status, [...shaped.headers, ...this.#ownHeaders(), ...timing], shaped.body);
      });
      return;
    }
    const begun = { eventStream: this.#eventStream, maySayMore: this.#maySayMore, frames: this.#frames };
    const event = lastWords(this.#plan, begun, fault);
    this.#close(state, fault, () => {
      const said = event !== undefined && this.#headReleased;
      if (said) client.write(Buffer.from(event));
      // An exception frame is an end, and no reader takes it for an answer's. A reset might overtake it.
      if (said && typeof event !== 'string') client.end();
      else client.reset();
    });
  }

  #close(state: ExchangeState, fault: Fault | null, release: () => void): void {
    const { opened, onClosed, edits, requestBytes } = this.#plan;
    const edit = this.#filter?.edit();
    if (edit !== undefined) edits.push({ kind: 'drop_usage_event', side: 'response', detail: edit });
    edits.push(...editsOf(this.#verdicts ?? []));
    if (this.#restored) edits.push({ kind: 'rule', side: 'response', detail: 'values in the place of placeholders' });
    const streamed = this.#state.at === 'streaming' || this.#state.at === 'deciding';
    this.#state = { at: 'ended' };
    this.#undecided.end();
    this.#held?.end();
    this.#services.watchdog.remove(this);
    const closed: Closed = {
      state,
      ended_at_ms: this.#services.clock.nowMs(),
      first_byte_at_ms: this.#firstByteAtMs,
      status: this.#status,
      // Ended by an admin's word, not by a fault of anybody.
      denied_by: fault?.code === 'revoked' || state === 'blocked' ? `gateway_${fault?.code ?? ''}` : null,
      attempts: this.#attempts,
      edits,
      ...(this.#verdicts === undefined ? {} : { verdicts: this.#verdicts }),
      request_bytes: requestBytes,
      response_bytes: this.#responseBytes,
      ...(this.#pace === undefined ? {} : { response_pace: this.#pace.packed() }),
      provider_request_id: this.#providerRequestId,
      error: fault === null ? null : { code: `gateway_${fault.code}`, message: answerTo(fault).message },
      ...(this.#notes.length === 0 ? {} : { resources: this.#notes }),
    };
    this.#services.journal.append(opened.id, 'closed', closed);
    this.#services.journal.barrier(opened.id, () => {
      release();
      this.#outflow.close();
    });
    if (this.#tapEnded && this.#verdicts === undefined) this.#plan.tap.abandon?.();
    this.#endTap(streamed && state === 'complete' ? 'complete' : 'cut');
    onClosed(closed);
  }

  /** In whole milliseconds: enough for a reader's eye, and short in the journal. */
  #sinceReceivedMs(nowMs: number): number {
    return Math.trunc(nowMs - this.#plan.opened.received_at_ms);
  }

  #outcome(outcome: string): void {
    const attempt = this.#attempts.at(-1);
    if (attempt !== undefined) attempt.outcome = outcome;
  }

  #clientHeaders(headers: [string, string][]): [string, string][] {
    const isStream = this.#eventStream || this.#frames !== undefined;
    return answerHeaders(headers, { id: this.#plan.opened.id, isStream, own: this.#ownHeaders() });
  }

  /** As the head is written. It may have waited for the first of the body: so long the provider took. */
  #timing(headAtMs: number): [string, string][] {
    const firstByteAtMs = this.#firstByteAtMs === null ? headAtMs : this.#firstByteAtMs - this.#waitedMs;
    const times = this.#timesAt(Math.max(headAtMs, firstByteAtMs));
    if (times === undefined) return [];
    this.#services.metrics.overhead(times.gatewayMs);
    return timingHeaders(times);
  }

  /** `headAtMs` is when the provider's head came, if it did. Undefined where nothing was sent. */
  #timesAt(headAtMs: number | undefined): Times | undefined {
    if (this.#sentAtMs === 0) return undefined;
    const beforeMs = this.#sentAtMs - this.#plan.opened.received_at_ms;
    if (headAtMs === undefined) return { gatewayMs: beforeMs, upstreamMs: undefined };
    const afterMs = this.#services.clock.nowMs() - headAtMs;
    return { gatewayMs: beforeMs + afterMs, upstreamMs: headAtMs - this.#sentAtMs };
  }

  #ownHeaders(): [string, string][] {
    return ownHeaders(this.#plan.opened.id, this.#plan.moreHeaders);
  }
}

const NOTHING = new Uint8Array(0);

/** Answers that have neither a body nor a length. */
const NO_BODY: ReadonlySet<number> = new Set([204, 304]);

function faultOf(failure: UpstreamFailure, provider: string, connectMs: number): Fault {
  switch (failure.kind) {
    case 'connect_timeout':
      return { code: 'upstream_timeout', provider, phase: 'connect', afterMs: connectMs };
    case 'unreachable':
      return { code: 'upstream_unreachable', provider, why: failure.why };
    case 'invalid':
      return { code: 'upstream_invalid', provider, why: failure.why };
    case 'broken':
      return { code: 'upstream_broken', provider, why: failure.why };
    default:
      return unreachable(failure.kind);
  }
}

/** Whether a rule, and no bug or dead thread, ended it. */
function isRules({ code }: Fault): boolean {
  return code === 'guardrail_blocked' || code === 'guardrail_unavailable';
}
