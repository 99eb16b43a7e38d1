import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import type { ExchangeId } from '../contract/ids.ts';
import { createFrontDoor } from '../front/front-door.ts';
import { FrontMetrics } from '../front/front-metrics.ts';
import { KillSwitch } from '../front/kill-switch.ts';
import { LiveExchanges } from '../front/live.ts';
import type { FrontServices } from '../front/services.ts';
import { createUwsSocket } from '../front/uws.ts';
import { Worlds } from '../front/world.ts';
import type { World } from '../front/world.ts';
import { TokenDirectory } from '../identity/tokens.ts';
import { createLocalApi } from '../identity/tailscale.ts';
import { createWhoisCache } from '../identity/whois-cache.ts';
import { InspectorPool } from '../inspect/pool.ts';
import { sessionOfHeaders } from '../inspect/session.ts';
import { Journal, JOURNAL_DEFAULTS } from '../journal/journal.ts';
import { replay } from '../journal/replay.ts';
import { ByteBudget } from '../lib/byte-budget.ts';
import { systemClock } from '../lib/clock.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { packageRoot } from '../lib/package-root.ts';
import { loadPriceTable } from '../pricing/table.ts';
import { createUpstreams } from '../proxy/upstream.ts';
import { Watchdog } from '../proxy/watchdog.ts';
import { assemble } from '../records/assemble.ts';
import { Settler } from '../records/settle.ts';
import { Resources } from '../resources/resources.ts';
import { REQUEST_CLOSED } from '../sinks/closed-event.ts';
import type { DeliverySettings } from '../sinks/messages.ts';
import type { JournaledExchange } from '../records/settle.ts';
import type { Facts } from '../contract/facts.ts';
import type { Loaded } from '../../config/load.ts';
import type { Environment } from '../../config/environment.ts';
import type { Problem } from '../../config/problem.ts';
import { capturesOf, deliveriesOf, pricingOf, providersOf, serverOf } from '../../config/slices.ts';
import type { Listener, ServerSettings } from '../../config/slices.ts';
import { ApiThread } from './api-thread.ts';
import { banner } from './banner.ts';
import { buildWorld } from './build-world.ts';
import { CaptureThread } from './capture-thread.ts';
import { ControlThread } from './control-thread.ts';
import { DeliveriesThread } from './deliveries-thread.ts';
import { DeliveryMetrics } from './delivery-metrics.ts';
import { JobsThread } from './jobs-thread.ts';
import { Listeners } from './listeners.ts';
import { openLocalState } from './local-state.ts';
import { modelMetadataFrom } from './model-metadata.ts';
import { needsRestart, sameSockets } from './needs-restart.ts';
import { NodeCertificate } from './node-certificate.ts';
import { openDatabase } from './open-database.ts';
import { gatewayMetrics } from './process-metrics.ts';
import { readBack, replayJournal } from './replay.ts';
import { SimulatorThread } from './simulator-thread.ts';
import { Watermarks } from './watermarks.ts';

export interface ServeOptions {
  /** The config's file; with `DATABASE_URL` only what an empty database begins with. */
  file: string;
  /** The file holds also where there is a database, and nothing else changes it. */
  configReadonly: boolean;
  environment: Environment;
  log: Log;
  /** Start the built-in simulator on this port when the config uses it; undefined: never. */
  simulatorPort: number | undefined;
  /** What the config that it starts with warns about. */
  warn: (problems: readonly Problem[]) => void;
  say: (text: string) => void;
}

export interface Gateway {
  /** Stops taking requests, lets running ones end within `withinMs`, hands the books on, and stops. */
  drain(withinMs: number): Promise<void>;
  /** Reads the config's file again, where that is the truth. */
  reload(): void;
}

/** There is no config to start with: `problems` say why. */
export class NoConfig extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('there is no config to start with');
    this.problems = problems;
  }
}

/** Streams may go on for minutes; the books need this long at most. */
const SHIP_WITHIN_MS = 10_000;

/** What waits for the disk gets this long. */
const JOURNAL_WITHIN_MS = 5_000;

/**
 * One process that does everything: front door, inspectors, jobs, JSON API, and what is embedded. Rejects with
 * `NoConfig` where there is none to run.
 */
export async function serve(options: ServeOptions): Promise<Gateway> {
  const clock = systemClock;
  const startedAtMs = clock.nowMs();
  const { environment, log } = options;
  const root = packageRoot();
  const built = (file: string): string => join(root, 'dist', 'workers', file);
  const local = openLocalState(environment.dataDir, environment.secretKeyFile);

  // What starts slowly starts together.
  const databaseStarting = openDatabase(environment, local.dataDir, log);
  const control = ControlThread.start({
    file: built('control.js'),
    data: {
      dataDir: local.dataDir,
      secretKey: local.secretKey,
      truth: environment.databaseUrl === undefined || options.configReadonly ? 'file' : 'table',
      readonly: options.configReadonly,
      file: options.file,
      listen: environment.listen,
      logLevel: environment.logLevel,
    },
    database: environment.databaseUrl === undefined ? undefined : { url: environment.databaseUrl },
    clock,
    log,
  });
  databaseStarting.then(
    ({ address }) => {
      control.databaseAt(address);
    },
    () => undefined,
  );
  const first = await control.first();
  if (!first.ok) {
    await control.close();
    const database = await databaseStarting.catch(() => undefined);
    await database?.embedded?.stop();
    throw new NoConfig(first.fault);
  }
  const { loaded } = first.value;
  options.warn(loaded.warnings);
  const server = serverOf(loaded.config);
  const simulator =
    options.simulatorPort === undefined || !usesSimulator(loaded, options.simulatorPort)
      ? undefined
      : await SimulatorThread.start(built('simulator.js'), options.simulatorPort, log);
  const lanes = server.inspectors ?? Math.max(1, availableParallelism() - 1);
  const inspectors = new InspectorPool({
    file: built('inspector.js'),
    lanes,
    log,
    onMade: (responseId, holding) => {
      resources.learn(responseId, holding);
    },
  });

  const state = {
    draining: false,
    unready: (): Record<string, string> => unready(),
    notes: (): Record<string, string> => controlNotes(control),
  };
  const marks = new Watermarks((segment) => {
    journal.segmentSettled(segment);
  });
  const journalFolder = join(local.dataDir, 'journal');
  const journal = await Journal.open({
    ...JOURNAL_DEFAULTS,
    folder: journalFolder,
    gatewayId: local.gatewayId,
    mode: server.journal.mode,
    fsync: server.journal.fsync,
    maxBytes: server.journal.maxBytes,
    whenFull: server.journal.whenFull,
    clock,
    onSegmentSealed: (segment, opened) => {
      marks.sealed(segment, opened);
    },
    onState: (to, why) => {
      log.warn({ state: to, why }, 'journal');
    },
  });

  const registry = new Registry();
  const metrics = new FrontMetrics(registry);
  const made = (exchange: JournaledExchange, facts: Facts | undefined) =>
    assemble({
      ...exchange,
      gateway: local.gatewayId,
      facts,
      session: sessionOfHeaders(exchange.opened.request_headers),
    });

  const database = await databaseStarting;
  const workerData = {
    database: database.address,
    redisUrl: environment.redisUrl,
    gatewayId: local.gatewayId,
    // Older ones are gone from the folder: nobody waits for their counts.
    fromSegment: journal.oldSegments[0] ?? journal.firstSegment,
    process: true,
    logLevel: environment.logLevel,
  };
  const told = deliveriesOf(loaded.config);
  const jobs = new JobsThread(
    {
      file: built('jobs.js'),
      workerData,
      log,
      onAccepted: (ids) => {
        for (const id of ids) journal.forget(id as ExchangeId);
      },
      onRefused: (ids) => {
        for (const id of ids) settler.again(id as ExchangeId);
      },
      onSettled: (segments) => {
        marks.stored(segments);
      },
    },
    closedTo(told),
  );
  const deliveryMetrics = new DeliveryMetrics(registry);
  const deliveries = new DeliveriesThread({
    file: built('deliveries.js'),
    workerData,
    settings: told,
    log,
    onState: (state) => {
      deliveryMetrics.take(state);
    },
  });
  let kept = capturesOf(loaded.config);
  const captures = new CaptureThread(
    {
      file: built('capture.js'),
      workerData: { ...workerData, journalFolder },
      log,
      extentsOf: (id) => journal.extentsOf(id),
      onWanted: (segment, change) => {
        marks.capture(segment, change);
      },
    },
    kept,
  );
  const api = new ApiThread(built('api.js'), workerData, log);
  const resources = new Resources({ store: api, clock });
  const settler = new Settler({
    assemble: made,
    ship: (record) => jobs.ship(record),
    reinspect: async (id) => {
      const stored = await journal.readExchange(id);
      return stored === undefined ? undefined : readBack(inspectors, stored);
    },
    onRecord: (record) => {
      metrics.record(record);
      if (kept.captures) captures.want(record.id as ExchangeId, record.segment);
    },
    log,
  });

  const tokens = new TokenDirectory(clock);
  const localApi = createLocalApi({ socketPath: environment.tailscaleSocket });
  // Asks tailscaled for nobody until a listener needs it.
  const whois = createWhoisCache(localApi.lookup, clock);
  const prices = loadPriceTable(join(root, 'config', 'prices.json'));
  const build = (number: number, next: Loaded): World =>
    buildWorld(number, next, {
      listeners: listenersOf(server, serverOf(next.config)),
      whois,
      tokens,
      modelMetadata: modelMetadataFrom(prices, pricingOf(next.config)),
      keySecret: local.secretKey,
    });
  const worlds = new Worlds(build(1, loaded));
  inspectors.setWorld(worlds.current.number, worlds.current.pricing);
  const upstreams = createUpstreams({ connectTimeoutMs: server.timeouts.connectMs });
  const watchdog = new Watchdog(clock);
  const budget = new ByteBudget(server.limits.inflightBytes);
  const live = new LiveExchanges();
  const killSwitch = new KillSwitch({ clock, live, watchers: inspectors });
  let running = loaded;
  control.follow(({ snapshot, loaded: next }) => {
    tokens.reconfigure(snapshot.tokens);
    killSwitch.reconfigure(snapshot);
    if (next.hash === running.hash) return;
    running = next;
    const beganAtMs = clock.nowMs();
    const world = build(worlds.current.number + 1, next);
    kept = capturesOf(next.config);
    captures.reconfigure(kept);
    const nextTold = deliveriesOf(next.config);
    deliveries.reconfigure(nextTold);
    jobs.reconfigure(closedTo(nextTold));
    // Prices first: what an inspector reads of the new world's exchanges, it must know.
    inspectors.setWorld(world.number, world.pricing);
    worlds.current = world;
    const waiting = needsRestart(server, serverOf(next.config));
    const tookMs = Math.round(clock.nowMs() - beganAtMs);
    log.info({ world: world.number, config: world.configVersion, tookMs }, 'a new config holds');
    if (waiting.length > 0) log.warn({ settings: waiting }, 'these settings of the new config need a restart');
  });

  const services: FrontServices = {
    clock,
    journal,
    upstreams,
    watchdog,
    budget,
    worlds,
    inspectors,
    settler,
    resources,
    live,
    killSwitch,
    metrics,
    log,
    state,
    askApi: (question) => api.ask(question),
    askControl: (question) => control.ask(question),
    askDeliveries: (question) => deliveries.ask(question),
    controlAgeMs: () => control.ageMs,
    renderMetrics: () => registry.metrics(),
  };
  gatewayMetrics(metrics, { services, journal, jobs, captures, api, control, inspectors, whois });
  function unready(): Record<string, string> {
    const why: Record<string, string> = {};
    if (state.draining) why['process'] = 'draining';
    if (inspectors.stats().lanes === 0) why['inspectors'] = 'none is running';
    if (journal.stats().state === 'failed') why['journal'] = 'cannot be written';
    const maxAgeMs = worlds.current.controlMaxAgeMs;
    if (maxAgeMs !== undefined && control.ageMs > maxAgeMs) why['control'] = 'older than server.control.max_age';
    return { ...why, ...listeners.away() };
  }

  // The past first in the queue, but nobody waits for it. Its files go when all of it was read: an exchange may end in a
  // later one than it began in, and what is left of it to capture is known only then.
  const old: { segment: number; opened: number }[] = [];
  const replayed = replayJournal({
    exchanges: replay({
      folder: journalFolder,
      before: journal.firstSegment,
      onSegment: (report) => {
        const { segment, opened, unreadable } = report;
        if (unreadable || report.lostOpened > 0 || report.skippedBytes > 0) {
          log.warn({ ...report, opened: opened.length }, 'a journal segment is damaged');
        }
        if (unreadable) {
          void journal.setSegmentAside(segment);
          return;
        }
        journal.adoptSegment(segment, opened.length);
        old.push({ segment, opened: opened.length });
      },
    }),
    inspectors,
    assemble: made,
    ship: (record) => jobs.ship(record),
    capture: ({ opened, segment, extents }) => {
      if (kept.captures) captures.wantStored({ id: opened.id, segment, extents });
    },
    log,
  })
    .then(() => {
      for (const { segment, opened } of old) marks.sealed(segment, opened);
    })
    .catch((error: unknown) => {
      log.error({ error: errorChain(error) }, 'replaying the journal failed; its files are kept');
    });

  await inspectors.ready();
  const accept = createFrontDoor(services);
  const listeners = new Listeners({
    listeners: server.listeners,
    socket: (listener, keyPair) => createUwsSocket(accept, listener, keyPair),
    localApi,
    certificate: new NodeCertificate({ localApi, folder: join(local.dataDir, 'tls'), clock }),
    log,
  });
  await listeners.start().catch(async (error: unknown) => {
    // It would outlive us.
    await database.embedded?.stop();
    throw error;
  });
  options.say(
    banner({
      urls: listeners.urls(),
      away: listeners.away(),
      startedInMs: clock.nowMs() - startedAtMs,
      providers: providersOf(loaded.config),
      database: environment.databaseUrl === undefined ? 'embedded Postgres (for evaluation)' : 'DATABASE_URL',
      queue: environment.redisUrl === undefined ? 'BullMQ in the same database' : 'BullMQ on REDIS_URL',
      dataDir: local.dataDir,
    }),
  );

  return {
    async drain(withinMs) {
      state.draining = true;
      listeners.stopListening();
      await live.drained(withinMs);
      live.endAll({ code: 'draining' });
      await settled(settler, SHIP_WITHIN_MS);
      const [left] = await Promise.all([
        jobs.drain(SHIP_WITHIN_MS),
        captures.drain(SHIP_WITHIN_MS),
        deliveries.drain(SHIP_WITHIN_MS),
      ]);
      if (left > 0) log.warn({ left }, 'records stay in the journal for the next start');
      settler.stop();
      listeners.close();
      watchdog.close();
      await Promise.all([upstreams.close(), localApi.close()]);
      await journal.close(JOURNAL_WITHIN_MS);
      await Promise.race([replayed, new Promise((resolve) => setTimeout(resolve, 100))]);
      await Promise.all([
        jobs.close(),
        captures.close(),
        deliveries.close(),
        api.close(),
        control.close(),
        inspectors.close(),
        simulator?.close(),
      ]);
      await database.embedded?.stop();
    },
    reload() {
      control.reload();
    },
  };
}

/** Those that listen, and who they let in: as the new config says, where it has the same ones. */
function listenersOf(started: ServerSettings, next: ServerSettings): readonly Listener[] {
  return sameSockets(started, next) ? next.listeners : started.listeners;
}

/** Destinations that are told when a request is closed. */
function closedTo({ webhooks }: DeliverySettings): string[] {
  return webhooks.filter(({ events }) => events.includes(REQUEST_CLOSED)).map(({ destination }) => destination);
}

function usesSimulator(loaded: Loaded, port: number): boolean {
  return Object.values(loaded.config.providers).some(({ baseurl }) => baseurl === `http://127.0.0.1:${port}`);
}

/** Not worth a mention: two looks at the store that came to nothing. */
const AGE_TOLD_FROM_MS = 2_000;

function controlNotes(control: ControlThread): Record<string, string> {
  const notes: Record<string, string> = {};
  if (control.ageMs > AGE_TOLD_FROM_MS) notes['control'] = `last confirmed ${Math.floor(control.ageMs / 1000)} s ago`;
  const { rejected } = control;
  if (rejected !== null) {
    const { length } = rejected.problems.filter(({ severity }) => severity === 'error');
    notes['config'] =
      `version ${rejected.number} cannot be run by this build (${length} errors); the one before goes on`;
  }
  return notes;
}

/** Waits until every exchange that ended has become a record handed on. */
async function settled(settler: Settler, withinMs: number): Promise<void> {
  const until = systemClock.nowMs() + withinMs;
  while (settler.depth > 0 && systemClock.nowMs() < until) await new Promise((resolve) => setTimeout(resolve, 10));
}
