import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { auditSeedOf } from '../audit/key.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { ClientSockets } from '../front/client-sockets.ts';
import { createFrontDoor } from '../front/front-door.ts';
import { FrontMetrics } from '../front/front-metrics.ts';
import { KillSwitch } from '../front/kill-switch.ts';
import { LiveExchanges } from '../front/live.ts';
import type { FrontServices } from '../front/services.ts';
import { ruleKeysOf } from '../guardrails/rule-keys.ts';
import { createLocalApi } from '../identity/tailscale.ts';
import { TokenDirectory } from '../identity/tokens.ts';
import { createWhoisCache } from '../identity/whois-cache.ts';
import { InspectorPool } from '../inspect/pool.ts';
import { Journal } from '../journal/journal.ts';
import { JOURNAL_DEFAULTS } from '../journal/options.ts';
import { claimSlot } from '../journal/slots.ts';
import { createArrival } from '../lib/arrival.ts';
import { ByteBudget } from '../lib/byte-budget.ts';
import { systemClock } from '../lib/clock.ts';
import { letHeapsGrow } from '../lib/heap-growth.ts';
import type { Log } from '../lib/log.ts';
import { socketsToProviders } from '../proxy/sockets.ts';
import { createUpstreams } from '../proxy/upstream.ts';
import { Watchdog } from '../proxy/watchdog.ts';
import { HoldingsFile } from '../resources/holdings-file.ts';
import { Resources } from '../resources/resources.ts';
import type { Config } from '../../config/schema.ts';
import type { Problem } from '../../config/problem.ts';
import { providersOf, serverOf } from '../../config/slices.ts';
import { ApiThread } from './api-thread.ts';
import { banner } from './banner.ts';
import { Bookkeeping } from './bookkeeping.ts';
import { builtFile } from './built-file.ts';
import { firstConfig } from './first-config.ts';
import type { FirstConfigOptions } from './first-config.ts';
import { leave } from './leave.ts';
import type { Departure } from './leave.ts';
import { Listeners } from './listeners.ts';
import { openLocalState } from './local-state.ts';
import { NodeCertificate } from './node-certificate.ts';
import { Outlets } from './outlets.ts';
import { gatewayMetrics } from './process-metrics.ts';
import { processState } from './readiness.ts';
import { RunningConfig } from './running-config.ts';
import { SimulatorThread } from './simulator-thread.ts';
import { socketsOf } from './sockets.ts';
import { readUiFiles } from './ui-files.ts';
import { worldBuilder } from './world-builder.ts';

export interface ServeOptions extends FirstConfigOptions {
  /** Start the built-in simulator on this port when the config uses it; undefined: never. */
  simulatorPort: number | undefined;
  /** What the config that it starts with warns about. */
  warn: (problems: readonly Problem[]) => void;
  say: (text: string) => void;
}

export interface Gateway {
  /** Lets requests end as `server.drain` says, hands the books on, and stops; within a bound. */
  drain(): Promise<Departure>;
  /** Reads the config's file again, where that is the truth. */
  reload(): void;
}

/**
 * One process that does everything: front door, inspectors, jobs, JSON API, and what is embedded. Here stands what is
 * started, in which order, and who is handed what; `leave` ends it. Rejects with `NoConfig` where there is none to run.
 */
export async function serve(options: ServeOptions): Promise<Gateway> {
  letHeapsGrow();
  const clock = systemClock;
  const startedAtMs = clock.nowMs();
  const { environment, log } = options;
  const local = openLocalState(environment.dataDir, environment.secretKeyFile);

  // What to run by.
  const { loaded, control, database: databaseStarting } = await firstConfig(options, local);
  options.warn(loaded.warnings);
  const server = serverOf(loaded.config);
  const simulator = await startSimulator(loaded.config, options.simulatorPort, log);

  // What reads, remembers and stores exchanges.
  const inspectors = new InspectorPool({
    file: builtFile('inspector'),
    lanes: server.inspectors ?? Math.max(1, availableParallelism() - 1),
    log,
    onMade: (resource, holding) => {
      resources.told(resource, holding);
    },
    ruleKeys: ruleKeysOf(local.secretKey),
  });
  const slot = await claimSlot(local.dataDir);
  const journal = await Journal.open({
    ...JOURNAL_DEFAULTS,
    ...slot,
    mode: server.journal.mode,
    fsync: server.journal.fsync,
    maxBytes: server.journal.maxBytes,
    whenFull: server.journal.whenFull,
    clock,
    onSegmentSealed: (segment) => {
      books.segments.sealed(segment);
    },
    onState: (to, why) => {
      log.warn({ state: to, why }, 'journal');
    },
  });
  const database = await databaseStarting;
  const workerData = {
    database: database.address,
    redisUrl: environment.redisUrl,
    gatewayId: slot.gatewayId,
    // Older ones are gone from the folder: nobody waits for their counts.
    fromSegment: journal.oldSegments[0] ?? journal.firstSegment,
    process: true,
    logLevel: environment.logLevel,
  };
  const registry = new Registry();
  const metrics = new FrontMetrics(registry);
  const { dataDir } = local;
  const measured = {
    record: (record: ExchangeRecord): void => {
      metrics.record(record);
      outlets.otlpMetrics.record?.(record);
    },
  };
  const books = new Bookkeeping(
    { dataDir, slot, journal, inspectors, metrics: measured, workerData, clock, log },
    loaded.config,
  );
  const outlets = new Outlets({ workerData, aws: environment.aws, registry, clock, log }, loaded.config);
  const api = new ApiThread(builtFile('api'), { ...workerData, auditSeed: auditSeedOf(local.secretKey) }, log);
  const holdings = HoldingsFile.open(join(dataDir, 'resources'), slot.gatewayId, clock.nowMs(), log);
  const resources = new Resources({ store: api, file: holdings.file, clock, isBehind: () => books.past.isBehind });
  resources.recall(holdings.notes);

  // Who may come, and what for.
  const tokens = new TokenDirectory(clock);
  const localApi = createLocalApi({ socketPath: environment.tailscaleSocket });
  // Asks tailscaled for nobody until a listener needs it.
  const whois = createWhoisCache(localApi.lookup, clock);
  const build = worldBuilder({ started: server, whois, tokens, keySecret: local.secretKey });
  const configured = [outlets, books];
  const running = new RunningConfig({ build, inspectors, configured, clock, log }, loaded);
  const live = new LiveExchanges();
  const sockets = new ClientSockets();
  const killSwitch = new KillSwitch({ clock, live, watchers: inspectors, sockets });
  running.follow(control, { tokens, killSwitch });

  // The front door, and who is let in to it.
  const upstreams = createUpstreams({ connectTimeoutMs: server.timeouts.connectMs });
  const watchdog = new Watchdog(clock);
  const state = processState({
    inspectors,
    journal,
    worlds: running.worlds,
    control,
    jobs: books.jobs,
    listeners: () => listeners,
  });
  const services: FrontServices = {
    clock,
    arrivedAtMs: createArrival(clock),
    journal,
    upstreams,
    watchdog,
    budget: new ByteBudget(server.limits.inflightBytes),
    worlds: running.worlds,
    inspectors,
    settler: books.settler,
    resources,
    quotas: books.quotas.ledger,
    live,
    sockets,
    ...socketsToProviders(upstreams, server.timeouts.connectMs, clock),
    killSwitch,
    metrics,
    log,
    state,
    tailnet: () => listeners.tailnet,
    askApi: (question) => api.ask(question),
    askControl: (question) => control.ask(question),
    askDeliveries: (question) => outlets.deliveries.ask(question),
    askQuotas: (question) => books.quotaThread.ask(question),
    controlAgeMs: () => control.ageMs,
    renderMetrics: () => registry.metrics(),
    ui: readUiFiles(),
  };
  gatewayMetrics(metrics, { services, books, api, control, inspectors, whois });
  // The past first in the queue, but nobody waits for it.
  void books.past.takeUp();
  await Promise.all([inspectors.ready(), books.ready()]);
  const listeners = new Listeners({
    listeners: server.listeners,
    socket: await socketsOf(server, createFrontDoor(services)),
    localApi,
    certificate: new NodeCertificate({ localApi, folder: join(dataDir, 'tls'), clock }),
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
      dataDir,
    }),
  );

  return {
    drain() {
      const clients = { state, listeners, live, sockets, clock, log };
      const others = [upstreams, localApi, api, inspectors, watchdog, ...(simulator === undefined ? [] : [simulator])];
      return leave({ clients, books, outlets, control, database, others, log }, running.drain);
    },
    reload() {
      control.reload();
    },
  };
}

/** Where the config uses it. */
async function startSimulator(
  { providers }: Config,
  port: number | undefined,
  log: Log,
): Promise<SimulatorThread | undefined> {
  const isUsed = Object.values(providers).some(({ baseurl }) => baseurl === `http://127.0.0.1:${port}`);
  return port === undefined || !isUsed ? undefined : SimulatorThread.start(builtFile('simulator'), port, log);
}
