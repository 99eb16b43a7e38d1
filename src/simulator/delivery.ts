import type { Clock } from '../lib/clock.ts';
import type { Answer } from './answer.ts';
import { steeredFault } from './fault.ts';
import type { Gate } from './gate.ts';
import type { Position, Steering } from './steering.ts';
import type { Wire } from './wire.ts';

const KEEP_ALIVE = ': keep-alive\n\n';

/** The status of an error that breaks off a stream, where the request names none. */
const MIDSTREAM_STATUS = 500;

/** What went out, as far as only the delivery knows. */
export interface Progress {
  eventsSent: number;
}

/** Brings an answer to the client the way the request asked for. Settles when there is nothing left to do. */
export async function deliver(
  answer: Answer,
  steering: Steering,
  wire: Wire,
  progress: Progress,
  gate: Gate,
  clock: Clock,
): Promise<void> {
  if (steering.delay !== undefined) await wire.sleep(steering.delay);
  if (wire.isOver()) return;
  if (steering.cut_at === 'head') {
    await wire.cut();
    return;
  }
  if (steering.junk !== undefined) {
    wire.junk(junkOf(steering.junk));
    return;
  }
  if (answer.kind === 'whole') await deliverWhole(answer, steering, wire);
  else await deliverStream(answer, steering, wire, progress, gate, clock);
}

/** Bytes that begin no HTTP response and no chunk: a TLS alert's first byte, then letters. */
function junkOf(bytes: number): Buffer {
  return Buffer.alloc(bytes, '\x15\x03not http ', 'latin1');
}

async function deliverWhole(answer: Answer & { kind: 'whole' }, steering: Steering, wire: Wire): Promise<void> {
  const needsTime = steering.stall_after !== undefined || steering.cut_after !== undefined || answer.chunked;
  if (!needsTime && wire.sendAtOnce(answer.status, answer.headers, answer.body)) return;
  const bytes = wire.encodedWhole(typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body);
  await wire.head(answer.status, answer.headers, answer.chunked ? undefined : bytes.byteLength);
  // A body that is sent whole is one event.
  if (await stops(steering, 0, wire)) return;
  await wire.sendWhole(bytes);
  if (await stops(steering, 1, wire)) return;
  await wire.end();
}

async function deliverStream(
  answer: Answer & { kind: 'stream' },
  steering: Steering,
  wire: Wire,
  progress: Progress,
  gate: Gate,
  clock: Clock,
): Promise<void> {
  await wire.head(200, answer.headers, undefined);
  if (steering.hold === true) await Promise.race([gate.opened(), wire.gone()]);
  const rhythm = new Rhythm(answer, steering, wire, clock);
  const events = answer.events[Symbol.iterator]();
  const sound = isSound(steering);
  for (;;) {
    if (!sound && (await breaks(answer, steering, progress.eventsSent, wire))) return;
    if (rhythm.waits) await rhythm.next(progress.eventsSent);
    if (wire.isOver()) return;
    const event = events.next();
    if (event.done === true) break;
    const text = steering.bad_json === true && progress.eventsSent === 1 ? spoiled(event.value) : event.value;
    progress.eventsSent += 1;
    const full = wire.send(text);
    if (full !== undefined) await full;
  }
  if (await breaks(answer, steering, 'finish', wire)) return;
  if (steering.unterminated === true) {
    await wire.end();
    wire.ending = 'unterminated';
    return;
  }
  progress.eventsSent += 1;
  await wire.send(answer.terminator());
  if (await breaks(answer, steering, 'end', wire)) return;
  await wire.end();
}

/** Nothing is to happen between events; benchmarks should not pay for asking each time. */
function isSound(steering: Steering): boolean {
  const { error_after, stall_after, cut_after, junk_after } = steering;
  return [error_after, stall_after, cut_after, junk_after].every((position) => position === undefined);
}

/** An event whose JSON is broken in the middle, framed as before. */
function spoiled(event: string): string {
  const end = event.trimEnd().length;
  return `${event.slice(0, Math.floor(end / 2))}${event.slice(end)}`;
}

function at(asked: Position | undefined, position: Position): boolean {
  return asked !== undefined && asked === position;
}

/** Stalls or cuts here, where the request wants it. */
async function stops(steering: Steering, position: Position, wire: Wire): Promise<boolean> {
  if (at(steering.cut_after, position)) {
    await wire.cut();
    return true;
  }
  if (at(steering.stall_after, position)) {
    await wire.gone();
    return true;
  }
  return wire.isOver();
}

async function breaks(
  answer: Answer & { kind: 'stream' },
  steering: Steering,
  position: Position,
  wire: Wire,
): Promise<boolean> {
  if (at(steering.error_after, position)) {
    const sent = typeof position === 'number' ? position : 1;
    await wire.send(answer.errorEvent(steeredFault(steering, MIDSTREAM_STATUS), sent));
    await wire.end();
    wire.ending = 'error_event';
    return true;
  }
  if (at(steering.junk_after, position)) {
    wire.junk(junkOf(64));
    return true;
  }
  if (at(steering.stall_after, position) && answer.comments) {
    await stallWithHeartbeat(steering, wire);
    return true;
  }
  return stops(steering, position, wire);
}

async function stallWithHeartbeat(steering: Steering, wire: Wire): Promise<void> {
  const { heartbeat } = steering;
  if (heartbeat === undefined) {
    await wire.gone();
    return;
  }
  while (!wire.isOver()) {
    await wire.sleep(heartbeat);
    if (!wire.isOver()) await wire.send(KEEP_ALIVE);
  }
}

/** When events are due: on a schedule from the first one on, so that lateness does not add up. */
class Rhythm {
  readonly #firstAfterMs: number;
  readonly #paceMs: number;
  readonly #heartbeatMs: number;
  readonly #wire: Wire;
  readonly #clock: Clock;
  readonly #startedAtMs: number;

  constructor(answer: Answer & { kind: 'stream' }, steering: Steering, wire: Wire, clock: Clock) {
    this.#firstAfterMs = steering.first_event ?? 0;
    this.#paceMs = steering.pace ?? 0;
    this.#heartbeatMs = answer.comments ? (steering.heartbeat ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
    this.#wire = wire;
    this.#clock = clock;
    this.#startedAtMs = clock.nowMs();
  }

  get waits(): boolean {
    return this.#paceMs > 0 || this.#firstAfterMs > 0;
  }

  /** Waits until event number `index` is due. */
  async next(index: number): Promise<void> {
    const dueAtMs = this.#startedAtMs + this.#firstAfterMs + index * this.#paceMs;
    for (;;) {
      const leftMs = dueAtMs - this.#clock.nowMs();
      // Timers have a resolution of a millisecond; closer than that counts as due.
      if (leftMs < 0.5 || this.#wire.isOver()) return;
      if (leftMs <= this.#heartbeatMs) await this.#wire.sleep(leftMs);
      else {
        await this.#wire.sleep(this.#heartbeatMs);
        if (!this.#wire.isOver()) await this.#wire.send(KEEP_ALIVE);
      }
    }
  }
}
