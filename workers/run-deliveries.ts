import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerReplay } from '../src/admin/deliveries.ts';
import type { ReplayDesk } from '../src/admin/deliveries.ts';
import { ENCODINGS, unpack } from '../src/capture/pack.ts';
import type { AdminQuestion } from '../src/contract/question.ts';
import { DELIVERIES_WAITING, DESTINATIONS } from '../src/contract/limits.ts';
import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { packageVersion } from '../src/lib/package-root.ts';
import { failed, ok, unreachable } from '../src/lib/result.ts';
import type { Answer, Ask } from '../src/serve/ask-thread.ts';
import { createDeliverer, DELIVERER_DEFAULTS } from '../src/sinks/deliverer.ts';
import type { DelivererOptions } from '../src/sinks/deliverer.ts';
import type { Destination } from '../src/sinks/destination.ts';
import { createDialer } from '../src/sinks/dialer.ts';
import { createEgress, EGRESS_DEFAULTS, HOOK_EGRESS } from '../src/sinks/egress.ts';
import type { EgressSettings } from '../src/sinks/egress.ts';
import { createHook } from '../src/sinks/hook.ts';
import type { FromDeliveries, ToDeliveries } from '../src/sinks/messages.ts';
import { Syslog } from '../src/sinks/syslog/syslog.ts';
import type { SyslogSettings } from '../src/sinks/syslog/syslog.ts';
import { createWebhook } from '../src/sinks/webhook.ts';
import { openPool } from '../src/store/database.ts';
import { createDeliveryStore } from '../src/store/deliveries.ts';
import type { Waiting } from '../src/store/deliveries.ts';
import { createHookPayloadStore } from '../src/store/hook-payloads.ts';
import type { HookPayload } from '../src/store/hook-payloads.ts';
import { openQueue, processQueue, queueAddressOf } from '../src/store/queue.ts';
import { auditedReplay } from './audited-replay.ts';
import { authorities } from './authorities.ts';
import { createOffers } from './offers.ts';
import { createOtlpExporters } from './otlp.ts';
import { quietly } from './quietly.ts';
import type { DeliveriesData } from './thread-data.ts';

export interface DeliveriesParts {
  data: Pick<DeliveriesData, 'database' | 'redisUrl' | 'gatewayId'>;
  clock: Clock;
  log: Log;
  post: (message: FromDeliveries | Answer) => void;
  options?: DeliveriesOptions;
}

export interface DeliveriesOptions {
  /** The outbox is looked at this often: what a delivery waits for at most before its first attempt. */
  sweepMs: number;
  /** Between two looks at what is too old, too much, or to be told. */
  lookMs: number;
  /** Deliveries that may wait for one destination. */
  waitingMost: number;
  deliverer: DelivererOptions;
}

const DELIVERIES_DEFAULTS: DeliveriesOptions = {
  sweepMs: 500,
  lookMs: 10_000,
  waitingMost: DELIVERIES_WAITING,
  deliverer: DELIVERER_DEFAULTS,
};

export interface Deliveries {
  take(message: ToDeliveries | Ask<AdminQuestion>): void;
  close(): Promise<void>;
}

/** As many as are told at once, also while a config is changed under them. */
const POST_PER_HOOK = EGRESS_DEFAULTS.perDestination;

const POOL = { name: 'deliveries', max: 4, statementMs: 20_000, waitMs: 5_000, inIndexOrder: true };

/** Of a million rows that wait, the database needs a second or more: then it counts a fiftieth of the time, no more. */
const COUNT_PAUSES = 50;

/**
 * Delivers what the outbox has. A sweep of the outbox finds what is due; the queue says to one process of several that it
 * is. The outbox is the truth: with the queue away, or forgetful, the sweep's own process delivers.
 */
export function runDeliveries({ data, clock, log, post, options = DELIVERIES_DEFAULTS }: DeliveriesParts): Deliveries {
  const stop = new AbortController();
  const stopped = (): boolean => stop.signal.aborted;
  const complain = quietly(clock, log);
  const onError = (error: unknown): void => {
    complain('database', error);
  };
  const address = queueAddressOf(data);
  const pool = openPool(data.database, { ...POOL, onError });
  const store = createDeliveryStore(pool);
  const payloads = createHookPayloadStore(pool);
  const egress = createEgress({ allow: [], ca: undefined }, EGRESS_DEFAULTS);
  const toHooks = createEgress({ allow: [], ca: undefined }, { ...HOOK_EGRESS, perDestination: POST_PER_HOOK });
  const dialer = createDialer({ allow: [], ca: undefined }, clock);
  const hooks = new Set<string>();
  const destinations = new Map<string, Destination>();
  /** Syslog receivers, with the text of all that they were made of: who is configured as before keeps its connection. */
  const receivers = new Map<string, { made: string; syslog: Syslog }>();
  const events = new Map<string, readonly string[]>();
  /** What a destination is told. Of what records cause the jobs thread tells, which goes by the config itself. */
  const toldOf = (name: string): readonly string[] => events.get(name) ?? [];
  const dropped = new Map<string, number>();
  const version = packageVersion();
  const otlp = createOtlpExporters({ egress, pool, clock, log, post, version, gateway: data.gatewayId ?? '' });
  /** Counts configs, and the last of them that the outbox knows. */
  let config = 0;
  let knownConfig = -1;
  const deliverer = createDeliverer({
    outbox: store,
    egress: { send: (request) => (hooks.has(request.destination) ? toHooks : egress).send(request) },
    destination: (name) => destinations.get(name),
    holder: randomUUID(),
    clock,
    options: options.deliverer,
  });

  /** Never rejects: what was not done, the next sweep finds. */
  const serve = async (name: string): Promise<void> => {
    offers.taken(name);
    await deliverer.serve(name).catch(onError);
  };
  const offers = createOffers({
    open: () => {
      const queueOptions = { onError: (error: unknown) => complain('queue', error) };
      const queue = openQueue('deliveries', address, queueOptions);
      const processor = processQueue(
        'deliveries',
        address,
        async ([name]) => {
          if (typeof name === 'string') await serve(name);
        },
        {
          ...queueOptions,
          concurrency: DESTINATIONS,
          // It only says that there is something to do, and the sweep finds that too.
          bury: () => Promise.resolve(),
        },
      );
      return { queue, processor };
    },
    serve: (name) => void serve(name),
    clock,
  });

  const sweep = async (): Promise<void> => {
    const names = [...destinations.keys()];
    // Also where there is none any more: else they would be told things for ever.
    const current = config;
    if (knownConfig !== current) await store.know(names.map((name) => ({ name, events: toldOf(name) })));
    knownConfig = current;
    if (names.length === 0) return;
    await offers.offer(await store.due(names));
    // What this process sent in vain no other process knows.
    for (const [name, { syslog }] of receivers) if (syslog.lost !== undefined) void serve(name);
  };

  /** What the last count has found, and when the next may be. */
  let found: Waiting[] = [];
  let countAtMs = 0;

  const surplusOf = ({ destination, waiting }: Waiting): number =>
    destinations.has(destination) ? Math.max(0, waiting - options.waitingMost) : 0;

  const dropSurplus = async (waiting: Waiting): Promise<void> => {
    const { destination } = waiting;
    let left = surplusOf(waiting);
    while (left > 0 && !stopped()) {
      const count = await store.dropOldest(destination, left);
      if (count === 0) return;
      left -= count;
      dropped.set(destination, (dropped.get(destination) ?? 0) + count);
      log.error({ destination, count }, 'too much waits for it: the oldest was dropped');
      // Only what has a number is dropped, as the receiver is to see the gap.
      await store.due([destination]);
    }
  };

  /** In batches, so that no statement takes long, and until there is no more: else the table grows with each flood. */
  const untilDone = async (work: () => Promise<boolean>): Promise<void> => {
    while (!stopped() && (await work()));
  };

  const tidy = async (): Promise<void> => {
    await untilDone(() => store.expire([...destinations.keys()]));
    await untilDone(() => store.dropFinished());
    await untilDone(() => payloads.dropOld());
  };

  /** Counted again: what was counted before may have been dropped by another. */
  const dropSurpluses = (): Promise<void> =>
    store.alone(async () => {
      found = await store.look();
      for (const waiting of found) await dropSurplus(waiting);
    });

  const look = async (): Promise<void> => {
    if (clock.nowMs() >= countAtMs) {
      const startedMs = clock.nowMs();
      found = await store.look();
      countAtMs = clock.nowMs() + COUNT_PAUSES * (clock.nowMs() - startedMs);
      if (found.some((waiting) => surplusOf(waiting) > 0)) await dropSurpluses();
    }
    const unconfigured = { waiting: 0, dead: 0 };
    for (const { destination, waiting, dead } of found) {
      if (destinations.has(destination)) continue;
      unconfigured.waiting += waiting;
      unconfigured.dead += dead;
    }
    const states = [...destinations.keys()].map((name) => {
      const at = found.find(({ destination }) => destination === name);
      return {
        name,
        waiting: at?.waiting ?? 0,
        oldestSeconds: at?.oldestSeconds ?? 0,
        dead: at?.dead ?? 0,
        failures: at?.failures ?? 0,
        attempts: { ...(deliverer.counts.get(name) ?? { delivered: 0, rejected: 0, failed: 0 }) },
        dropped: dropped.get(name) ?? 0,
        refused: otlp.refused(name),
        takenBack: deliverer.takenBack.get(name) ?? 0,
      };
    });
    post({ kind: 'state', destinations: states, unconfigured, pushes: otlp.pushes() });
  };

  const every = async (ms: number, work: () => Promise<void>): Promise<void> => {
    while (!stopped()) {
      await work().catch(onError);
      await sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const loops = [
    every(options.sweepMs, sweep),
    every(options.lookMs, tidy),
    every(options.lookMs, look),
    every(options.deliverer.leaseMs / 3, () => deliverer.keep()),
  ];

  const reconfigureSyslog = (settings: readonly SyslogSettings[], ways: EgressSettings): void => {
    const before = new Map(receivers);
    receivers.clear();
    for (const one of settings) {
      const made = JSON.stringify([one, ways]);
      const kept = before.get(one.destination);
      const syslog = kept?.made === made ? kept.syslog : new Syslog(one, { dialer, clock, version });
      receivers.set(one.destination, { made, syslog });
      destinations.set(one.destination, syslog);
      events.set(one.destination, one.events);
    }
    for (const [name, { syslog }] of before) if (receivers.get(name)?.syslog !== syslog) syslog.close();
  };

  const reconfigure = ({ settings }: Extract<ToDeliveries, { kind: 'settings' }>): void => {
    destinations.clear();
    hooks.clear();
    events.clear();
    for (const webhook of settings.webhooks) {
      destinations.set(webhook.destination, createWebhook(webhook, { clock, version }));
      events.set(webhook.destination, webhook.events);
    }
    for (const hook of settings.hooks ?? []) {
      destinations.set(hook.destination, createHook(hook, { read: async (id) => unpacked(await payloads.read(id)) }));
      hooks.add(hook.destination);
    }
    for (const { destination, events: told } of otlp.destinations(settings)) {
      destinations.set(destination.name, destination);
      events.set(destination.name, told);
    }
    otlp.reconfigure(settings);
    config += 1;
    const ways = {
      allow: settings.allow,
      ca: authorities(settings.caFile, (error) => {
        log.error({ file: settings.caFile, error: errorChain(error) }, 'server.egress.ca_file cannot be read');
      }),
    };
    egress.reconfigure(ways);
    toHooks.reconfigure(ways);
    dialer.reconfigure(ways);
    reconfigureSyslog(settings.syslog ?? [], ways);
  };

  const replay: ReplayDesk = async (which, caller) => {
    try {
      return ok(await auditedReplay({ pool, store, clock }, which, caller));
    } catch (error) {
      complain('database', error);
      return failed({ code: 'store_unavailable', why: 'it does not answer; nothing was replayed' });
    }
  };

  const drain = async (withinMs: number): Promise<void> => {
    stop.abort();
    const timer = new AbortController();
    const done = Promise.all([deliverer.stop(), otlp.last()]);
    await Promise.race([done, sleep(withinMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    for (const { syslog } of receivers.values()) syslog.close();
    post({ kind: 'drained' });
  };

  const encoder = new TextEncoder();
  return {
    take: (message) => {
      switch (message.kind) {
        case 'settings':
          reconfigure(message);
          return;
        case 'metrics':
          otlp.take(message);
          return;
        case 'drain':
          void drain(message.withinMs);
          return;
        case 'ask':
          void answerReplay(replay, message.request).then(({ status, body }) => {
            const headers: [string, string][] = [['content-type', 'application/json']];
            post({ kind: 'answer', ask: message.ask, status, headers, body: encoder.encode(body) });
          });
          return;
        default:
          return unreachable(message);
      }
    },
    close: async () => {
      stop.abort();
      otlp.stop();
      const stopping = deliverer.stop();
      // Attempts under way break off: they are made again, under the same ids.
      for (const { syslog } of receivers.values()) syslog.close();
      await Promise.all([egress.close(), toHooks.close()]);
      await Promise.all([stopping, ...loops, offers.close()]);
      await pool.end();
    },
  };
}

/** Undefined where it is gone, or was packed by a build that knows more. */
function unpacked(payload: HookPayload | undefined): Uint8Array | undefined {
  const encoding = ENCODINGS.find((each) => each === payload?.encoding);
  return payload === undefined || encoding === undefined
    ? undefined
    : unpack({ encoding, body: payload.body }, payload.bytes);
}
