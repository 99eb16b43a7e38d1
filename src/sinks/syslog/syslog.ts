import type { Delivery, RecordFilter } from '../../contract/delivery.ts';
import { egressFaultText } from '../../contract/egress.ts';
import type { Clock } from '../../lib/clock.ts';
import { errorChain } from '../../lib/log.ts';
import { unreachable } from '../../lib/result.ts';
import type { Outcome } from '../attempt.ts';
import type { Batch, Lost, StreamDestination } from '../destination.ts';
import type { Dialer, DialTarget } from '../dialer.ts';
import type { Facility } from '../formats/syslog-header.ts';
import { CLOSED, Connection } from './connection.ts';
import type { Ending, Sent } from './connection.ts';
import { framed } from './framing.ts';
import type { Framing } from './framing.ts';
import { messageWriter } from './message.ts';
import type { MessageWriter, SyslogFormat } from './message.ts';
import { Unproven } from './unproven.ts';

/** A syslog receiver of the config. */
export interface SyslogSettings {
  /** `syslog.siem` */
  destination: string;
  target: DialTarget;
  format: SyslogFormat;
  facility: Facility;
  framing: Framing;
  messageBytes: number;
  bom: boolean;
  /** Kinds of `src/contract/event.ts`. */
  events: readonly string[];
  filter: RecordFilter;
  batch: { most: number; waitMs: number };
  timeoutMs: number;
}

export interface SyslogParts {
  dialer: Pick<Dialer, 'dial'>;
  clock: Clock;
  /** Of the gateway. */
  version: string;
}

/**
 * Delivers events in order to a syslog receiver over TCP or TLS (RFC 5424, 5425, 6587). Nobody answers there. So what was
 * written counts as delivered once the system has taken it and the receiver has neither closed nor reset the connection a
 * moment later; and where the connection breaks after that, the newest of it is sent again.
 */
export class Syslog implements StreamDestination {
  readonly name: string;
  readonly parallel = 1;
  readonly #settings: SyslogSettings;
  readonly #parts: SyslogParts;
  readonly #write: MessageWriter;
  readonly #unproven = new Unproven();
  #connection: Connection | undefined;
  #lost: Lost | undefined;
  /**
   * Messages at once: after one that did not go well a single one, as of several nobody knows which were read, and a
   * receiver that closes after each would never get to the second.
   */
  #most: number;
  /** No connection has stayed since one did not: it is watched for longer after each message. */
  #isCareful = true;

  constructor(settings: SyslogSettings, parts: SyslogParts) {
    const { destination, format, facility, messageBytes, bom, batch } = settings;
    this.name = destination;
    this.#settings = settings;
    this.#parts = parts;
    this.#write = messageWriter({ format, facility, most: messageBytes, bom, version: parts.version });
    this.#most = batch.most;
  }

  get batch(): { most: number; waitMs: number } {
    return { most: this.#most, waitMs: this.#settings.batch.waitMs };
  }

  get lost(): Lost | undefined {
    return this.#lost;
  }

  found(): void {
    this.#lost = undefined;
  }

  close(): void {
    this.#leave();
  }

  async deliver(deliveries: Batch): Promise<Outcome> {
    let text: string;
    try {
      text = deliveries.map((each) => framed(this.#write(each), this.#settings.framing)).join('');
    } catch (error) {
      return { kind: 'rejected', error: `it cannot be written: ${errorChain(error)}` };
    }
    const connection = await this.#connected();
    return connection instanceof Connection ? this.#sent(connection, deliveries, Buffer.from(text)) : connection;
  }

  /** The connection that there is, if the receiver still has it, or a new one. */
  async #connected(): Promise<Connection | Outcome> {
    const kept = this.#connection;
    if (kept !== undefined && (await kept.isStillOpen())) return kept;
    if (this.#lost !== undefined) return { kind: 'failed', error: this.#lost.why, retryAfterMs: undefined };
    const dialed = await this.#parts.dialer.dial(this.#settings.target);
    if (!dialed.ok) return { kind: 'failed', error: egressFaultText(dialed.fault), retryAfterMs: undefined };
    const connection = new Connection(dialed.value, this.#parts.clock, (ending, why) => {
      if (this.#connection === connection) this.#lose(ending, why);
    });
    this.#connection = connection;
    return connection;
  }

  async #sent(connection: Connection, deliveries: readonly Delivery[], bytes: Buffer): Promise<Outcome> {
    const isAlone = deliveries.length === 1;
    const isCareful = this.#isCareful && isAlone;
    const sent = await (isCareful ? this.#sendCarefully(connection, bytes) : this.#send(connection, bytes));
    this.#isCareful = sent.kind !== 'taken';
    switch (sent.kind) {
      case 'taken':
        this.#most = Math.min(this.#settings.batch.most, this.#most * 2);
        this.#unproven.add(
          deliveries.map(({ id }) => id),
          bytes.length,
          this.#parts.clock.nowMs(),
        );
        return { kind: 'delivered' };
      case 'closed':
        this.#most = 1;
        return isAlone ? { kind: 'delivered' } : this.#failed(CLOSED);
      case 'failed':
        this.#most = 1;
        return this.#failed(sent.why);
      default:
        return unreachable(sent);
    }
  }

  #send(connection: Connection, bytes: Buffer): Promise<Sent> {
    return connection.send(bytes, { withinMs: this.#settings.timeoutMs, careful: this.#isCareful });
  }

  /**
   * In two parts. A receiver may well close after each message; who closes before it has a whole one is none, and may want TLS.
   */
  async #sendCarefully(connection: Connection, bytes: Buffer): Promise<Sent> {
    const half = Math.ceil(bytes.length / 2);
    const begun = await this.#send(connection, bytes.subarray(0, half));
    if (begun.kind === 'taken') return this.#send(connection, bytes.subarray(half));
    return begun.kind === 'failed' ? begun : { kind: 'failed', why: `${CLOSED} before it had a whole message` };
  }

  /** The connection ended: what was sent on it last may be lost. */
  #lose(ending: Ending, why: string): void {
    const ids = this.#unproven.take(ending, this.#parts.clock.nowMs());
    this.#connection = undefined;
    if (ids.length > 0) this.#lost = { ids, why: this.#told(why) };
  }

  /** In good order: all that was sent on it has been read, or is on its way. */
  #leave(): void {
    this.#connection?.leave();
    this.#connection = undefined;
    this.#unproven.clear();
  }

  #failed(why: string): Outcome {
    return { kind: 'failed', error: this.#told(why), retryAfterMs: undefined };
  }

  #told(why: string): string {
    return egressFaultText({ code: 'broken', host: this.#settings.target.text, why });
  }
}
