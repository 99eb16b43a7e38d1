import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import type { ExchangeId } from '../contract/ids.ts';
import { createFrontDoor } from '../front/front-door.ts';
import { FrontMetrics } from '../front/front-metrics.ts';
import { LiveExchanges } from '../front/live.ts';
import type { FrontServices } from '../front/services.ts';
import type { FrontSocket } from '../front/socket.ts';
import { createUwsSocket } from '../front/uws.ts';
import { Worlds } from '../front/world.ts';
import { createLocalApi } from '../identity/tailscale.ts';
import { createWhoisCache } from '../identity/whois-cache.ts';
import { InspectorPool } from '../inspect/pool.ts';
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
import type { JournaledExchange } from '../records/settle.ts';
import type { Facts } from '../contract/facts.ts';
import { startEmbeddedPostgres } from '../store/embedded-postgres.ts';
import type { EmbeddedPostgres } from '../store/embedded-postgres.ts';
import type { DatabaseAddress } from '../store/database.ts';
import type { Loaded } from '../../config/load.ts';
import type { Environment } from '../../config/environment.ts';
import { capturesOf, pricingOf, providersOf, serverOf } from '../../config/slices.ts';
import type { ServerSettings } from '../../config/slices.ts';
import { ApiThread } from './ask-thread.ts';
import { CaptureThread } from './capture-thread.ts';
import { banner } from './banner.ts';
import { buildWorld } from './build-world.ts';
import { JobsThread } from './jobs-thread.ts';
import { openLocalState } from './local-state.ts';
import { modelMetadataFrom } from './model-metadata.ts';
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
  const inspectors = new InspectorPool({ file: built('inspector.js'), lanes, log });

  const state = { draining: false, unready: (): Record<string, string> => unready() };
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
    assemble({ ...exchange, gateway: local.gatewayId, facts });

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
  const kept = capturesOf(loaded.config);
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

  const world = buildWorld(1, loaded, {
    whois: needsWhois(server.listeners) ? createWhoisCache(createLocalApi().lookup, clock) : undefined,
    modelMetadata: modelMetadataFrom(loadPriceTable(join(root, 'config', 'prices.json')), pricingOf(loaded.config)),
    keySecret: local.secretKey,
  });
  inspectors.setWorld(world.number, world.pricing);

  const upstreams = createUpstreams({ connectTimeoutMs: server.timeouts.connectMs });
  const watchdog = new Watchdog(clock);
  const budget = new ByteBudget(server.limits.inflightBytes);
  const live = new LiveExchanges();
  const services: FrontServices = {
    clock,
    journal,
    upstreams,
    watchdog,
    budget,
    worlds: new Worlds(world),
    inspectors,
    settler,
    live,
    metrics,
    log,
    state,
    askApi: (question) => api.ask(question),
    renderMetrics: () => registry.metrics(),
  };
  gatewayMetrics(metrics, { services, journal, jobs, captures, api, inspectors });
  function unready(): Record<string, string> {
    const why: Record<string, string> = {};
    if (state.draining) why['process'] = 'draining';
    if (inspectors.stats().lanes === 0) why['inspectors'] = 'none is running';
    if (journal.stats().state === 'failed') why['journal'] = 'cannot be written';
    return why;
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
  const sockets: FrontSocket[] = [];
  let url = '';
  for (const [index, listener] of server.listeners.entries()) {
    const { address } = listener;
    if (address.kind === 'tailscale') continue;
    const socket = createUwsSocket(accept, index);
    const port = await socket.listen(address.host, address.port);
    sockets.push(socket);
    url ||= `http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`;
  }
  options.say(
    banner({
      url,
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
      for (const socket of sockets) socket.stopListening();
      await live.drained(withinMs);
      live.endAll({ code: 'draining' });
      await settled(settler, SHIP_WITHIN_MS);
      const [left] = await Promise.all([jobs.drain(SHIP_WITHIN_MS), captures.drain(SHIP_WITHIN_MS)]);
      if (left > 0) log.warn({ left }, 'records stay in the journal for the next start');
      settler.stop();
      for (const socket of sockets) socket.close();
      watchdog.close();
      await upstreams.close();
      await journal.close(JOURNAL_WITHIN_MS);
      await Promise.race([replayed, new Promise((resolve) => setTimeout(resolve, 100))]);
      await Promise.all([jobs.close(), captures.close(), api.close(), inspectors.close(), simulator?.close()]);
      await database.embedded?.stop();
    },
  };
}

async function openDatabase(
  environment: Environment,
  dataDir: string,
  log: Log,
): Promise<{ address: DatabaseAddress; embedded: EmbeddedPostgres | undefined }> {
  if (environment.databaseUrl !== undefined) {
    return { address: { url: environment.databaseUrl }, embedded: undefined };
  }
  const embedded = await startEmbeddedPostgres({
    dataDir,
    clock: systemClock,
    onEvent: (what) => {
      log.warn({ what }, 'embedded Postgres');
    },
  });
  return { address: embedded.address, embedded };
}

/** What the config asks of sockets and identity and this build does not have: better no start than a door left open. */
function refuseUnserved(server: ServerSettings): void {
  const missing: string[] = [];
  if (server.socket === 'node') missing.push('server.socket "node"');
  if (server.processes > 1) missing.push('server.processes above 1');
  for (const { address, identity, tls, h2c } of server.listeners) {
    if (address.kind === 'tailscale') missing.push('a listener on "tailscale:"');
    if (h2c) missing.push('server.listen_h2c');
    if (tls !== undefined) missing.push('tls on a listener');
    for (const source of identity) if (source === 'token' || source === 'oidc') missing.push(`identity "${source}"`);
  }
  if (missing.length > 0) throw new Error(`this build does not serve ${[...new Set(missing)].join(', ')}`);
}

function needsWhois(listeners: readonly { identity: readonly string[] }[]): boolean {
  return listeners.some(({ identity }) => identity.includes('tailscale'));
}

/** Waits until every exchange that ended has become a record handed on. */
async function settled(settler: Settler, withinMs: number): Promise<void> {
  const until = systemClock.nowMs() + withinMs;
  while (settler.depth > 0 && systemClock.nowMs() < until) await new Promise((resolve) => setTimeout(resolve, 10));
}
