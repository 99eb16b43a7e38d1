import type { Closed, ExchangeState, Opened } from '../contract/exchange.ts';
import type { Fault } from '../contract/fault.ts';
import { answerTo } from '../contract/fault.ts';
import type { Subject } from '../access/revocations.ts';
import { Pace } from '../lib/pace.ts';
import type { Tap } from '../inspect/lane.ts';
import type { Settling } from '../records/settle.ts';
import { asEvent } from '../proxy/message-event.ts';
import type { Endable } from './live.ts';
import type { FrontServices } from './services.ts';

const EVENTS: [string, string][] = [['content-type', 'text/event-stream']];
const LF = Buffer.from('\n');

/**
 * The books of one turn of a Realtime session. What the client sent for it is its request, a message a line; what the
 * provider said of it is its response, each message an event. The messages themselves go their own way.
 */
export class RealtimeTurn {
  readonly #services: FrontServices;
  readonly #opened: Opened;
  readonly #tap: Tap;
  readonly #settling: Settling;
  readonly #pace = new Pace();
  #firstByteAtMs: number | null = null;
  #requestBytes = 0;
  #responseBytes = 0;
  #answered = false;
  #over = false;

  /** Written to the journal at once: what follows may leave. */
  constructor(services: FrontServices, opened: Opened, subjects: readonly Subject[], endable: Endable) {
    this.#services = services;
    this.#opened = opened;
    services.journal.append(opened.id, 'opened', opened);
    this.#settling = services.settler.open(opened, services.journal.segmentOf(opened.id));
    this.#tap = services.inspectors.open(opened, this.#settling);
    services.live.add(opened.id, endable, subjects);
  }

  /** A response of the provider's is under way. */
  get answered(): boolean {
    return this.#answered;
  }

  get over(): boolean {
    return this.#over;
  }

  request(bytes: Uint8Array, binary: boolean): void {
    const line = Buffer.concat([binary ? inText(bytes) : bytes, LF]);
    this.#requestBytes += line.byteLength;
    this.#services.journal.append(this.#opened.id, 'request', line);
    this.#tap.request(line);
  }

  response(type: string, bytes: Uint8Array, binary: boolean): void {
    const nowMs = this.#services.clock.nowMs();
    this.#firstByteAtMs ??= nowMs;
    if (!this.#answered) {
      this.#answered = true;
      this.#services.journal.append(this.#opened.id, 'head', { status: 200, headers: EVENTS });
      this.#tap.head(200, EVENTS);
    }
    const event = binary ? asEvent('binary', inText(bytes)) : asEvent(type, bytes);
    this.#responseBytes += event.byteLength;
    this.#pace.note(this.#responseBytes, Math.trunc(nowMs - this.#opened.received_at_ms));
    this.#services.journal.append(this.#opened.id, 'response', event);
    this.#tap.response(event);
  }

  /** Runs once all of it that was told so far is in the journal. */
  whenJournaled(then: () => void): void {
    this.#services.journal.barrier(this.#opened.id, then);
  }

  close(state: ExchangeState, fault: Fault | undefined): void {
    if (this.#over) return;
    this.#over = true;
    const { id, provider, received_at_ms } = this.#opened;
    const closed: Closed = {
      state,
      ended_at_ms: this.#services.clock.nowMs(),
      first_byte_at_ms: this.#firstByteAtMs,
      status: this.#answered ? 200 : 0,
      denied_by: fault?.code === 'revoked' ? 'gateway_revoked' : null,
      attempts: [{ provider, started_at_ms: received_at_ms, outcome: this.#answered ? '200' : 'aborted' }],
      edits: [],
      request_bytes: this.#requestBytes,
      response_bytes: this.#responseBytes,
      response_pace: this.#pace.packed(),
      provider_request_id: null,
      error: fault === undefined ? null : { code: `gateway_${fault.code}`, message: answerTo(fault).message },
    };
    this.#services.journal.append(id, 'closed', closed);
    this.#tap.end(state === 'complete' ? 'complete' : 'cut');
    this.#settling.closed(closed);
    this.#services.live.remove(id);
  }
}

/** A binary message, where text is kept. */
function inText(bytes: Uint8Array): Buffer {
  return Buffer.from(JSON.stringify({ type: 'binary', base64: Buffer.from(bytes).toString('base64') }));
}
