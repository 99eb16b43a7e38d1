import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../lib/clock.ts';
import { errorChain } from '../../lib/log.ts';
import type { Dialed } from '../dialer.ts';

/** What is known of bytes a moment after they were written. */
export type Sent =
  /** The system has them all, and the receiver is there. */
  | { kind: 'taken' }
  /** The receiver has closed in good order afterwards: it has read what it had, and bytes that came too late are reset. */
  | { kind: 'closed' }
  | { kind: 'failed'; why: string };

/**
 * How a connection ended, but for those that we leave: the receiver closed it in good order, it broke, or we have given it up, as
 * the receiver took nothing more.
 */
export type Ending = 'closed' | 'reset' | 'slow';

/** The time of two packets and their answers, within sensible bounds: a reset comes after one. */
const RESET_MS = { least: 50, most: 2_000, roundTrips: 2 };
/** Where the receiver is not known to keep connections: it may yet read, think and close. */
const CAREFUL_MS = { least: 200, most: 2_000, roundTrips: 4 };

/** Who is to leave closes in good order, and is made to after this long. */
const LEAVE_MS = 5_000;
const WHY_CHARACTERS = 300;
export const CLOSED = 'the receiver closed it';

/**
 * A connection to a receiver that takes messages and never answers. All that it can tell us is that it is there: it reads,
 * and it has not closed.
 */
export class Connection {
  readonly #dialed: Dialed;
  readonly #clock: Clock;
  /** The receiver has closed its side, or we have left. */
  #ended = false;
  /** Why it is over without having been closed in good order. */
  #broken: string | undefined;
  #spoke = false;
  /** Nothing was sent yet: nobody knows what this receiver does then. */
  #isNew = true;
  #isSending = false;
  #onChange: () => void = nothing;
  readonly #onEnd: (ending: Ending, why: string) => void;

  /** `onEnd` is told once, if ever: not all that was sent may have been read. */
  constructor(dialed: Dialed, clock: Clock, onEnd: (ending: Ending, why: string) => void) {
    this.#dialed = dialed;
    this.#clock = clock;
    this.#onEnd = onEnd;
    const { stream, socket } = dialed;
    stream.on('data', () => (this.#spoke = true));
    stream.once('end', () => {
      this.#close();
    });
    const broke = (error: unknown): void => {
      this.#break('reset', errorChain(error));
    };
    stream.on('error', broke);
    if (stream !== socket) socket.on('error', broke);
    stream.once('close', () => {
      if (!this.#ended) this.#break('reset', 'it was closed');
    });
  }

  /** Whether it is open, when all that has happened until now was looked at. */
  async isStillOpen(): Promise<boolean> {
    await turn();
    return this.#isOpen();
  }

  async send(bytes: Buffer, options: { withinMs: number; careful: boolean }): Promise<Sent> {
    this.#isSending = true;
    const sent = await this.#sent(bytes, { ...options, careful: options.careful || this.#isNew });
    this.#isSending = false;
    this.#isNew = false;
    if (this.#ended) this.leave();
    return sent;
  }

  /** In good order: what was written arrives first. What is being sent fails. */
  leave(): void {
    const { stream, socket } = this.#dialed;
    // Nobody is to think that it broke.
    this.#ended = true;
    if (this.#isSending) this.#break('reset', 'ended by the gateway');
    stream.end();
    setTimeout(() => socket.destroy(), LEAVE_MS).unref();
  }

  async #sent(bytes: Buffer, { withinMs, careful }: { withinMs: number; careful: boolean }): Promise<Sent> {
    if (!(await this.#write(bytes, withinMs))) {
      this.#break('slow', `it took nothing more for ${withinMs} ms`);
      this.#dialed.socket.destroy();
    }
    const writtenAtMs = this.#clock.nowMs();
    await this.#watch(this.#time(careful ? CAREFUL_MS : RESET_MS));
    if (this.#ended) await this.#awaitReset(writtenAtMs + this.#time(RESET_MS));
    if (this.#broken !== undefined) return { kind: 'failed', why: this.#broken };
    if (this.#ended && this.#spoke) {
      return { kind: 'failed', why: 'the receiver answered and closed it, which a syslog receiver does not do' };
    }
    return { kind: this.#ended ? 'closed' : 'taken' };
  }

  #isOpen(): boolean {
    return !this.#ended && this.#broken === undefined;
  }

  /** The receiver has closed its side. */
  #close(): void {
    if (!this.#isOpen()) return;
    this.#ended = true;
    this.#onEnd('closed', CLOSED);
    if (this.#isSending) this.#onChange();
    // Nothing is on its way any more.
    else this.leave();
  }

  #break(ending: Ending, why: string): void {
    if (this.#broken !== undefined) return;
    this.#broken = why.trim().slice(0, WHY_CHARACTERS);
    if (!this.#ended) this.#onEnd(ending, this.#broken);
    this.#onChange();
  }

  #time({ least, most, roundTrips }: typeof RESET_MS): number {
    return Math.min(most, Math.max(least, roundTrips * this.#dialed.roundTripMs));
  }

  /** False: it did not take them in time. */
  async #write(bytes: Buffer, withinMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const taken = await new Promise<boolean>((resolve) => {
      timer = setTimeout(() => {
        resolve(false);
      }, withinMs);
      this.#onChange = () => {
        if (this.#broken !== undefined) resolve(true);
      };
      this.#dialed.stream.write(bytes, () => {
        resolve(true);
      });
    });
    clearTimeout(timer);
    return taken;
  }

  /** Until something happens, or for so long. */
  async #watch(ms: number): Promise<void> {
    if (!this.#isOpen()) return;
    const stop = new AbortController();
    this.#onChange = () => {
      stop.abort();
    };
    await sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined);
    // A process that stood still has not seen yet what came meanwhile.
    await turn();
  }

  /**
   * Who has closed before the bytes came answers them with a reset. Nothing is read any more by then, so the system tells of it
   * only when something is written: nothing at all, beside TLS, which would have something to say.
   */
  async #awaitReset(atMs: number): Promise<void> {
    await sleep(Math.max(0, atMs - this.#clock.nowMs()));
    if (this.#broken !== undefined) return;
    await new Promise<void>((resolve) => {
      this.#dialed.socket.write('', (error) => {
        if (error) this.#break('reset', errorChain(error));
        resolve();
      });
    });
  }
}

function nothing(): void {
  // Nobody waits.
}
