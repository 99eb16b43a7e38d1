import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { egressFaultText } from '../src/contract/egress.ts';
import { REQUEST_SPAN } from '../src/contract/event.ts';
import type { Clock } from '../src/lib/clock.ts';
import type { Log } from '../src/lib/log.ts';
import type { Destination } from '../src/sinks/destination.ts';
import type { Egress } from '../src/sinks/egress.ts';
import type { DeliverySettings, FromDeliveries, PushState, ToDeliveries } from '../src/sinks/messages.ts';
import {
  createOtlpLogs,
  createOtlpTraces,
  otlpRequest,
  refusedOf,
  resourceOf,
  scopeOf,
} from '../src/sinks/otlp/destination.ts';
import type { OtlpParts } from '../src/sinks/otlp/destination.ts';
import { metricsOf } from '../src/sinks/otlp/metrics.ts';
import type { Snapshot } from '../src/sinks/otlp/metrics.ts';
import type { OtlpSettings } from '../src/sinks/otlp/settings.ts';

export interface OtlpExporterParts {
  egress: Pick<Egress, 'send'>;
  pool: Pool;
  clock: Clock;
  log: Log;
  post: (message: Extract<FromDeliveries, { kind: 'collect' }>) => void;
  /** Of the gateway: its version, and whose metrics these are. */
  version: string;
  gateway: string;
}

export interface OtlpExporters {
  /** What goes through the outbox, with what it is told. */
  destinations(settings: DeliverySettings): { destination: Destination; events: readonly string[] }[];
  /** Pushes what metrics are, each exporter's in its interval, from now on. */
  reconfigure(settings: DeliverySettings): void;
  take(message: Extract<ToDeliveries, { kind: 'metrics' }>): void;
  /** Of a destination's deliveries, those that its receiver took and threw away. */
  refused(destination: string): number;
  pushes(): PushState[];
  /** Pushes once more what metrics are, and then no more. */
  last(): Promise<void>;
  stop(): void;
}

/** Who leaves waits no longer for a receiver of metrics. */
const LAST_WITHIN_MS = 2_000;

/** An exporter whose metrics are pushed. */
interface Pushed {
  settings: OtlpSettings;
  timer: NodeJS.Timeout;
  /** Settled once what was collected last has been pushed. */
  wait: { promise: Promise<void>; done: () => void } | undefined;
}

/**
 * The OTLP exporters of a process. Traces and logs are destinations like others. Metrics are a state: the main thread is
 * asked for it, it is sent once, and when that fails the next one says all that this one said.
 */
export function createOtlpExporters(parts: OtlpExporterParts): OtlpExporters {
  const { egress, log, post, version, gateway } = parts;
  const refused = new Map<string, number>();
  const pushed = new Map<string, Pushed>();
  const states = new Map<string, PushState>();
  const destinationParts: OtlpParts = {
    version,
    refused: (destination, count) => {
      refused.set(destination, (refused.get(destination) ?? 0) + count);
    },
    // What reads bodies is loaded only where they are told.
    contentOf: async (deliveries, ids) => (await import('./otlp-content.ts')).contentOf(parts, deliveries, ids),
  };

  const collect = (name: string): Promise<void> => {
    const one = pushed.get(name);
    if (one === undefined) return Promise.resolve();
    // One that was not answered, as when the main thread is busy: this one takes its place.
    one.wait?.done();
    let done = (): void => undefined;
    const promise = new Promise<void>((resolve) => {
      done = resolve;
    });
    one.wait = { promise, done };
    post({ kind: 'collect', exporter: name });
    return promise;
  };

  const push = async (settings: OtlpSettings, snapshot: Snapshot): Promise<void> => {
    const { name, targets, providers } = settings;
    if (targets.metrics === undefined) return;
    const state = states.get(name) ?? { exporter: name, pushed: 0, failed: 0, refused: 0 };
    states.set(name, state);
    const resourceMetrics = [
      {
        resource: resourceOf(settings, version, gateway),
        scopeMetrics: [{ scope: scopeOf(version), metrics: metricsOf(snapshot, providers) }],
      },
    ];
    const answer = await egress.send(
      otlpRequest(settings, `otlp.${name}.metrics`, targets.metrics, { resourceMetrics }),
    );
    if (answer.ok && answer.value.status >= 200 && answer.value.status < 300) {
      state.pushed += 1;
      state.refused += refusedOf(answer.value);
      return;
    }
    state.failed += 1;
    const why = answer.ok ? `the receiver answered ${answer.value.status}` : egressFaultText(answer.fault);
    log.warn({ exporter: name, why, failed: state.failed }, 'metrics were not pushed: the next ones say the same');
  };

  const stop = (): void => {
    for (const { timer, wait } of pushed.values()) {
      clearInterval(timer);
      wait?.done();
    }
    pushed.clear();
  };

  return {
    destinations: ({ otlp = [] }) =>
      otlp.flatMap((settings) => {
        const { traces, logs } = settings.targets;
        const found: { destination: Destination; events: readonly string[] }[] = [];
        if (traces !== undefined) {
          const destination = createOtlpTraces(settings, traces, destinationParts);
          found.push({ destination, events: [REQUEST_SPAN] });
        }
        if (logs !== undefined) {
          found.push({ destination: createOtlpLogs(settings, logs, destinationParts), events: settings.events });
        }
        return found;
      }),
    reconfigure: ({ otlp = [] }) => {
      stop();
      for (const settings of otlp) {
        if (settings.targets.metrics === undefined) continue;
        const timer = setInterval(() => void collect(settings.name), settings.intervalMs);
        pushed.set(settings.name, { settings, timer, wait: undefined });
      }
    },
    take: ({ exporter, snapshot }) => {
      const one = pushed.get(exporter);
      if (one === undefined) return;
      const { wait } = one;
      void push(one.settings, snapshot).then(() => wait?.done());
    },
    refused: (destination) => refused.get(destination) ?? 0,
    pushes: () => [...states.values()].map((state) => ({ ...state })),
    last: async () => {
      for (const { timer } of pushed.values()) clearInterval(timer);
      const all = Promise.all([...pushed.keys()].map((name) => collect(name)));
      await Promise.race([all, sleep(LAST_WITHIN_MS, undefined, { ref: false })]);
    },
    stop,
  };
}
