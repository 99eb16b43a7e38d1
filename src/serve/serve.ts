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
import type { JournaledExchange } from '../records/settle.ts';
import type { Facts } from '../contract/facts.ts';
import type { Loaded } from '../../config/load.ts';
import type { Environment } from '../../config/environment.ts';
import { pricingOf, providersOf, serverOf } from '../../config/slices.ts';
import type { ServerSettings } from '../../config/slices.ts';
import { ApiThread } from './ask-thread.ts';
import { banner } from './banner.ts';
import { buildWorld } from './build-world.ts';
import { JobsThread } from './jobs-thread.ts';
import { Listeners } from './listeners.ts';
import { openLocalState } from './local-state.ts';
import { modelMetadataFrom } from './model-metadata.ts';
import { openDatabase } from './open-database.ts';
import { NodeCertificate } from './node-certificate.ts';
import { gatewayMetrics } from './process-metrics.ts';
import { readBack, replayJournal } from './replay.ts';
import { SimulatorThread } from './simulator-thread.ts';
import { Watermarks } from './watermarks.ts';

export interface ServeOptions {
  loaded: Loaded;
  environment: Environment;
  log: Log;
  /** Start the built-in simulator on this port; undefined: none. */
  simulatorPort: number | undefined;
  say: (text: string) => void;
}

export interface Gateway {
  /** Stops taking requests, lets running ones end within `withinMs`, hands the books on, and stops. */
  drain(withinMs: number): Promise<void>;
}

/** Streams may go on for minutes; the books need this long at most. */
const SHIP_WITHIN_MS = 10_000;

/** What waits for the disk gets this long. */
const JOURNAL_WITHIN_MS = 5_000;

/** One process that does everything: front door, inspectors, jobs, JSON API, and what is embedded. */
export async function serve(options: ServeOptions): Promise<Gateway> {
  const clock = systemClock;
  const startedAtMs = clock.nowMs();
  const { loaded, environment, log } = options;
  const server = serverOf(loaded.config);
  const root = packageRoot();
  const built = (file: string): string => join(root, 'dist', 'workers', file);
  refuseUnserved(server);
  const local = openLocalState(environment.dataDir, environment.secretKeyFile);

  // What starts slowly starts together.
  const databaseStarting = openDatabase(environment, local.dataDir, log);
  databaseStarting.catch(() => undefined);
  const simulator =
    options.simulatorPort === undefined
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

  const state = { draining: false, unready: (): Record<string, string> => unready() };
  const marks = new Watermarks((segment) => {
    journal.segmentSettled(segment);
  });
  const journal = await Journal.open({
    ...JOURNAL_DEFAULTS,
    folder: join(local.dataDir, 'journal'),
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
  const jobs = new JobsThread({
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
  });
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
    },
    log,
  });

  // Empty: no control state is joined to this process yet.
  const tokens = new TokenDirectory(clock);
  const localApi = createLocalApi({ socketPath: environment.tailscaleSocket });
  const whois = createWhoisCache(localApi.lookup, clock);
  const world = buildWorld(1, loaded, {
    tokens,
    whois,
    modelMetadata: modelMetadataFrom(loadPriceTable(join(root, 'config', 'prices.json')), pricingOf(loaded.config)),
    keySecret: local.secretKey,
  });
  inspectors.setWorld(world.number, world.pricing);

  const upstreams = createUpstreams({ connectTimeoutMs: server.timeouts.connectMs });
  const watchdog = new Watchdog(clock);
  const budget = new ByteBudget(server.limits.inflightBytes);
  const live = new LiveExchanges();
  const killSwitch = new KillSwitch({ clock, live, watchers: inspectors });
  const services: FrontServices = {
    clock,
    journal,
    upstreams,
    watchdog,
    budget,
    worlds: new Worlds(world),
    inspectors,
    settler,
    resources,
    live,
    killSwitch,
    metrics,
    log,
    state,
    askApi: (question) => api.ask(question),
    renderMetrics: () => registry.metrics(),
  };
  gatewayMetrics(metrics, { services, journal, jobs, api, inspectors, whois });
  function unready(): Record<string, string> {
    const why: Record<string, string> = {};
    if (state.draining) why['process'] = 'draining';
    if (inspectors.stats().lanes === 0) why['inspectors'] = 'none is running';
    if (journal.stats().state === 'failed') why['journal'] = 'cannot be written';
    return { ...why, ...listeners.away() };
  }

  // The past first in the queue, but nobody waits for it.
  const replayed = replayJournal({
    exchanges: replay({
      folder: join(local.dataDir, 'journal'),
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
        marks.sealed(segment, opened.length);
      },
    }),
    inspectors,
    assemble: made,
    ship: (record) => jobs.ship(record),
    log,
  }).catch((error: unknown) => {
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
      const left = await jobs.drain(SHIP_WITHIN_MS);
      if (left > 0) log.warn({ left }, 'records stay in the journal for the next start');
      settler.stop();
      listeners.close();
      watchdog.close();
      await Promise.all([upstreams.close(), localApi.close()]);
      await journal.close(JOURNAL_WITHIN_MS);
      await Promise.race([replayed, new Promise((resolve) => setTimeout(resolve, 100))]);
      await Promise.all([jobs.close(), api.close(), inspectors.close(), simulator?.close()]);
      await database.embedded?.stop();
    },
  };
}

/** What the config asks of sockets and identity and this build does not have: better no start than a door left open. */
function refuseUnserved(server: ServerSettings): void {
  const missing: string[] = [];
  if (server.socket === 'node') missing.push('server.socket "node"');
  if (server.processes > 1) missing.push('server.processes above 1');
  for (const { identity, h2c } of server.listeners) {
    if (h2c) missing.push('server.listen_h2c');
    if (identity.includes('oidc')) missing.push('identity "oidc"');
  }
  if (missing.length > 0) throw new Error(`this build does not serve ${[...new Set(missing)].join(', ')}`);
}

/** Waits until every exchange that ended has become a record handed on. */
async function settled(settler: Settler, withinMs: number): Promise<void> {
  const until = systemClock.nowMs() + withinMs;
  while (settler.depth > 0 && systemClock.nowMs() < until) await new Promise((resolve) => setTimeout(resolve, 10));
}
