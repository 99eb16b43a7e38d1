import type { AdminQuestion } from '../contract/question.ts';
import type { Fault } from '../contract/fault.ts';
import type { ApiAnswer } from '../front/services.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { unreachable } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { DeliverySettings, FromDeliveries, ToDeliveries } from '../sinks/messages.ts';
import type { Snapshot } from '../sinks/otlp/metrics.ts';
import { AskThread } from './ask-thread.ts';
import { Drained } from './drained.ts';

/** How long the thread itself may take beyond what it was given to drain. */
const DRAIN_GRACE_MS = 500;

export type DeliveriesState = Extract<FromDeliveries, { kind: 'state' }>;

/**
 * The thread that delivers to destinations outside. It is one of its own: TLS, signatures and receivers of all kinds
 * must not hold up the records, which the jobs thread stores. What it had in hand when it dies is in the outbox. Without a
 * destination it has time: it then keeps the outbox within its bounds, and counts what waits for nobody.
 */
export class DeliveriesThread {
  readonly #thread: AskThread<AdminQuestion, FromDeliveries, ToDeliveries>;
  readonly #log: Log;
  #settings: DeliverySettings;
  readonly #drained = new Drained();

  constructor(options: {
    /** Built file of workers/deliveries.ts. */
    file: string;
    workerData: Record<string, unknown>;
    settings: DeliverySettings;
    log: Log;
    onState: (state: DeliveriesState) => void;
    /** What metrics are now, for an exporter that wants them. */
    snapshot: () => Promise<Snapshot>;
  }) {
    this.#settings = options.settings;
    this.#log = options.log;
    this.#thread = new AskThread({
      file: options.file,
      data: () => ({ ...options.workerData, settings: this.#settings }),
      name: 'the deliverer',
      needed: hasDestination(options.settings),
      log: options.log,
      onTold: (message) => {
        switch (message.kind) {
          case 'state':
            options.onState(message);
            return;
          case 'drained':
            this.#drained.settle();
            return;
          case 'collect':
            void this.#answerMetrics(message.exporter, options.snapshot);
            return;
          default:
            return unreachable(message);
        }
      },
      onDied: () => {
        this.#drained.settle();
      },
    });
  }

  reconfigure(settings: DeliverySettings): void {
    this.#settings = settings;
    if (hasDestination(settings)) this.#thread.need();
    this.#thread.tell({ kind: 'settings', settings });
  }

  /** The body is given away. */
  ask(question: AdminQuestion): Promise<Result<ApiAnswer, Fault>> {
    return this.#thread.ask(question, [question.body.buffer]);
  }

  /** Begins no more attempts, and waits for those under way: what is cut off is made again by the next process. */
  drain(withinMs: number): Promise<void> {
    return this.#drained.within(
      withinMs + DRAIN_GRACE_MS,
      () => this.#thread.tell({ kind: 'drain', withinMs }),
      () => undefined,
    );
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  async #answerMetrics(exporter: string, snapshot: () => Promise<Snapshot>): Promise<void> {
    try {
      this.#thread.tell({ kind: 'metrics', exporter, snapshot: await snapshot() });
    } catch (error) {
      this.#log.error({ exporter, error: errorChain(error) }, 'metrics could not be read');
    }
  }
}

function hasDestination({ webhooks, hooks = [], otlp = [], syslog = [] }: DeliverySettings): boolean {
  return webhooks.length + hooks.length + otlp.length + syslog.length > 0;
}
