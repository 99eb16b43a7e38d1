import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { auditSeedOf } from '../audit/key.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { createFrontDoor } from '../front/front-door.ts';
import { FrontMetrics } from '../front/front-metrics.ts';
import { KillSwitch } from '../front/kill-switch.ts';
import { ClientSockets } from '../front/client-sockets.ts';
import { LiveExchanges } from '../front/live.ts';
import { postFactsOf } from '../guardrails/hooks/post-hooks.ts';
import { ruleKeysOf } from '../guardrails/rule-keys.ts';
import type { FrontServices, ProcessState } from '../front/services.ts';
import { Worlds } from '../front/world.ts';
import type { World } from '../front/world.ts';
import { TokenDirectory } from '../identity/tokens.ts';
import { AccessTokens } from '../keys/access-tokens.ts';
import { createLocalApi } from '../identity/tailscale.ts';
import { createWhoisCache } from '../identity/whois-cache.ts';
import { InspectorPool } from '../inspect/pool.ts';
import { sessionOfHeaders } from '../inspect/session.ts';
import { Journal, JOURNAL_DEFAULTS } from '../journal/journal.ts';
import { replay } from '../journal/replay.ts';
import { claimSlot } from '../journal/slots.ts';
import { ByteBudget } from '../lib/byte-budget.ts';
import { systemClock } from '../lib/clock.ts';
import { letHeapsGrow } from '../lib/heap-growth.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { packageRoot } from '../lib/package-root.ts';
import { loadPriceTable } from '../pricing/table.ts';
import { createUpstreams } from '../proxy/upstream.ts';
import { socketsToProviders } from '../proxy/sockets.ts';
import { Watchdog } from '../proxy/watchdog.ts';
import { assemble } from '../records/assemble.ts';
import type { JobsSettings } from '../records/messages.ts';
import { Settler } from '../records/settle.ts';
import { HoldingsFile } from '../resources/holdings-file.ts';
import { Resources } from '../resources/resources.ts';
import { isRecordEvent } from '../sinks/record-events.ts';
import type { JournaledExchange } from '../records/settle.ts';
import type { Facts } from '../contract/facts.ts';
import { hookedBy } from '../capture/messages.ts';
import type { DeliverySettings } from '../sinks/messages.ts';
import { hookDestinationsOf } from '../../config/rules.ts';
import { exportOf } from '../../config/export.ts';
import type { Loaded } from '../../config/load.ts';
import type { Environment } from '../../config/environment.ts';
import type { Problem } from '../../config/problem.ts';
import {
  capturesOf,
  deliveriesOf,
  pricingOf,
  providersOf,
  quotasOf,
  retentionOf,
  serverOf,
} from '../../config/slices.ts';
import type { Listener, ServerSettings } from '../../config/slices.ts';
import { ApiThread } from './api-thread.ts';
import { banner } from './banner.ts';
import { buildWorld } from './build-world.ts';
import { CaptureThread } from './capture-thread.ts';
import { ControlThread } from './control-thread.ts';
import { DeliveriesThread } from './deliveries-thread.ts';
import { DeliveryMetrics } from './delivery-metrics.ts';
import { letClientsGo } from './drain.ts';
import { ExportMetrics } from './export-metrics.ts';
import { ExportThread } from './export-thread.ts';
import { FreedSlots } from './freed-slots.ts';
import { JobsThread } from './jobs-thread.ts';
import { Listeners } from './listeners.ts';
import { openLocalState } from './local-state.ts';
import { modelMetadataFrom } from './model-metadata.ts';
import { needsRestart, sameSockets } from './needs-restart.ts';
import { NodeCertificate } from './node-certificate.ts';
import { openDatabase } from './open-database.ts';
import { gatewayMetrics } from './process-metrics.ts';
import { offerAgain, readBack } from './replay.ts';
import { QuotaThread } from './quota-thread.ts';
import { Quotas } from './quotas.ts';
import { replaySlot } from './replay-slot.ts';
import type { SlotReplayParts } from './replay-slot.ts';
import { SegmentBooks } from './segment-books.ts';
import { SimulatorThread } from './simulator-thread.ts';
import { socketsOf } from './sockets.ts';
import { askTokenServer } from './token-server.ts';
import { readUiFiles } from './ui-files.ts';
import type { SegmentMarks } from './watermarks.ts';

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
  /** Lets requests end as `server.drain` says, hands the books on, and stops; within a bound. */
  drain(): Promise<Drained>;
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

export interface Drained {
  /** Requests that did not end by themselves. */
  cut: number;
  /** Exchanges that only the journal has, for the next process to hand on. */
  left: number;
  /** Something hangs, the disk most likely: only a kill is sure to end the process. */
  stuck: boolean;
}

/** How often the journal is held against the database, where there is reason to. */
const BOOKS_EVERY_MS = 1_000;

/** Streams may go on for minutes; the books need this long at most. */
const SHIP_WITHIN_MS = 10_000;

/** The last entries of the audit log are signed; what is not, the next process signs. */
const SIGN_WITHIN_MS = 2_000;

/** What waits for the disk gets this long. */
const JOURNAL_WITHIN_MS = 5_000;

/** Sockets and threads; they have nothing that anybody waits for. */
const CLOSE_WITHIN_MS = 2_000;

/** After `server.drain.notice` and `within`, whatever hangs: the above, and a second for the last clients. */
const EXIT_WITHIN_MS = 20_000;

/**
 * One process that does everything: front door, inspectors, jobs, JSON API, and what is embedded. Rejects with
 * `NoConfig` where there is none to run.
 */
export async function serve(options: ServeOptions): Promise<Gateway> {
  letHeapsGrow();
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
    onMade: (resource, holding) => {
      resources.told(resource, holding);
    },
    ruleKeys: ruleKeysOf(local.secretKey),
  });

  const state = {
    phase: 'serving' as ProcessState['phase'],
    unready: (): Record<string, string> => unready(),
    notes: (): Record<string, string> => ({ ...controlNotes(control), ...retentionNotes(jobs) }),
  };
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
      books.sealed(segment);
    },
    onState: (to, why) => {
      log.warn({ state: to, why }, 'journal');
    },
  });

  const registry = new Registry();
  const metrics = new FrontMetrics(registry);
  const made = (gateway: string, exchange: JournaledExchange, facts: Facts | undefined) =>
    // One by one: what is added to a copy made by `...`, V8 adds slowly, and here for each request.
    assemble({
      opened: exchange.opened,
      closed: exchange.closed,
      facts,
      gateway,
      segment: exchange.segment,
      remains: exchange.remains,
      // Facts have a session of their own.
      session: facts === undefined ? sessionOfHeaders(exchange.opened.request_headers) : undefined,
      missingFrames: exchange.missingFrames,
      charges: quotas.chargesOf(journal, exchange, facts),
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
  const jobs = new JobsThread(
    {
      file: built('jobs.js'),
      workerData,
      log,
      onAccepted: (ids) => {
        for (const id of ids) {
          journal.forget(id as ExchangeId);
          quotas.ledger.forget(id as ExchangeId);
        }
      },
      onRefused: (refused) => {
        for (const { id, login } of refused) settler.again(id as ExchangeId, login);
      },
      onSettled: (gateway, segments) => {
        marks.get(gateway)?.counted(segments);
      },
    },
    jobsSettingsOf(loaded.config),
  );
  const quotaThread = new QuotaThread({
    file: built('quota.js'),
    workerData,
    names: quotasOf(loaded.config).map(({ name }) => name),
    log,
  });
  const quotas = new Quotas(
    {
      folder: slot.folder,
      gatewayId: slot.gatewayId,
      clock,
      claim: (life, claims) => quotaThread.claim(life, claims),
      log,
    },
    quotasOf(loaded.config),
  );
  const deliveryMetrics = new DeliveryMetrics(registry);
  const deliveries = new DeliveriesThread({
    file: built('deliveries.js'),
    workerData,
    settings: toldOf(loaded.config),
    log,
    onState: (state) => {
      deliveryMetrics.take(state);
    },
  });
  const exportMetrics = new ExportMetrics(registry);
  const exporter = new ExportThread(
    {
      file: built('export.js'),
      workerData,
      log,
      onState: (state) => {
        exportMetrics.take(state);
      },
    },
    exportOf(loaded.config, environment.aws),
  );
  const captures = new CaptureThread(
    {
      file: built('capture.js'),
      workerData,
      log,
      journal: { folder: slot.folder, gateway: slot.gatewayId },
      extentsOf: (id) => journal.extentsOf(id),
      onWanted: (gateway, segment, id) => {
        marks.get(gateway)?.capture(segment, id);
      },
      onUnwanted: (gateway, segment, id) => {
        marks.get(gateway)?.noCapture(segment, id);
      },
    },
    capturesOf(loaded.config),
  );
  const ship = {
    inspectors,
    assemble: (exchange: JournaledExchange, facts: Facts | undefined) => made(slot.gatewayId, exchange, facts),
    ship: (record: ExchangeRecord) => jobs.ship(record),
  };
  const books = new SegmentBooks({
    journal,
    clock,
    log,
    missing: (ids) => jobs.missing(ids),
    isQuiet: () => jobs.isQuiet && journal.stats().pendingJobs === 0,
    isBeingCaptured: (id) => captures.isUnderWay(id),
    offerAgain: (lost) =>
      offerAgain(
        {
          ...ship,
          exchanges: (from, only) =>
            replay({ folder: slot.folder, from, before: Infinity, only, onSegment: () => undefined }),
          firstSegment: journal.firstSegment,
          capture: ({ opened, segment, extents }) => {
            const own = { folder: slot.folder, gateway: slot.gatewayId };
            captures.orderAgain({ id: opened.id, journal: own, segment, extents, ...hookedBy(opened) }, opened.login);
          },
        },
        lost,
      ),
  });
  /** By the name that a journal's segments are counted under: our own, and those that we hand on for others. */
  const marks = new Map<string, SegmentMarks>([[slot.gatewayId, books]]);
  const booksTimer = setInterval(() => {
    books.tick();
  }, BOOKS_EVERY_MS);
  const api = new ApiThread(built('api.js'), { ...workerData, auditSeed: auditSeedOf(local.secretKey) }, log);
  const holdings = HoldingsFile.open(join(local.dataDir, 'resources'), slot.gatewayId, clock.nowMs(), log);
  let isReplaying = true;
  const resources = new Resources({ store: api, file: holdings.file, clock, isBehind: () => isReplaying });
  resources.recall(holdings.notes);
  const settler = new Settler({
    assemble: ship.assemble,
    ship: ship.ship,
    reinspect: async (id) => {
      const stored = await journal.readExchange(id);
      return stored === undefined ? undefined : readBack(inspectors, stored);
    },
    left: (id) => {
      quotas.ledger.release(id);
      // In a later turn than this one, in which its capture may still be asked for.
      setImmediate(() => {
        journal.forget(id);
      });
    },
    onRecord: (record, { id, hooks }) => {
      metrics.record(record);
      const wanted = { id, segment: record.segment, login: record.login };
      captures.want(hooks.length === 0 ? wanted : { ...wanted, post: postFactsOf(record) });
    },
    log,
  });

  const tokens = new TokenDirectory(clock);
  const localApi = createLocalApi({ socketPath: environment.tailscaleSocket });
  // Asks tailscaled for nobody until a listener needs it.
  const whois = createWhoisCache(localApi.lookup, clock);
  const prices = loadPriceTable(join(root, 'config', 'prices.json'));
  const accessTokens = new AccessTokens(askTokenServer);
  const build = (number: number, next: Loaded): World =>
    buildWorld(number, next, {
      listeners: listenersOf(server, serverOf(next.config)),
      whois,
      tokens,
      prices,
      modelMetadata: modelMetadataFrom(prices, pricingOf(next.config)),
      keySecret: local.secretKey,
      accessTokens,
    });
  const worlds = new Worlds(build(1, loaded));
  inspectors.setWorld(worlds.current.number, worlds.current.pricing, worlds.current.rules);
  const upstreams = createUpstreams({ connectTimeoutMs: server.timeouts.connectMs });
  const watchdog = new Watchdog(clock);
  const budget = new ByteBudget(server.limits.inflightBytes);
  const live = new LiveExchanges();
  const sockets = new ClientSockets();
  const killSwitch = new KillSwitch({ clock, live, watchers: inspectors, sockets });
  const dialing = socketsToProviders(upstreams, server.timeouts.connectMs, clock);
  let running = loaded;
  control.follow(({ snapshot, loaded: next }) => {
    tokens.reconfigure(snapshot.tokens);
    killSwitch.reconfigure(snapshot);
    if (next.hash === running.hash) return;
    running = next;
    const beganAtMs = clock.nowMs();
    const world = build(worlds.current.number + 1, next);
    captures.reconfigure(capturesOf(next.config));
    deliveries.reconfigure(toldOf(next.config));
    exporter.reconfigure(exportOf(next.config, environment.aws));
    quotas.ledger.reconfigure(quotasOf(next.config));
    quotaThread.reconfigure(quotas.ledger.names);
    jobs.reconfigure(jobsSettingsOf(next.config));
    // Prices first: what an inspector reads of the new world's exchanges, it must know.
    inspectors.setWorld(world.number, world.pricing, world.rules);
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
    quotas: quotas.ledger,
    live,
    sockets,
    ...dialing,
    killSwitch,
    metrics,
    log,
    state,
    tailnet: () => listeners.tailnet,
    askApi: (question) => api.ask(question),
    askControl: (question) => control.ask(question),
    askDeliveries: (question) => deliveries.ask(question),
    askQuotas: (question) => quotaThread.ask(question),
    controlAgeMs: () => control.ageMs,
    renderMetrics: () => registry.metrics(),
    ui: readUiFiles(),
  };
  const crossings = (): typeof quotaThread.crossings => quotaThread.crossings;
  gatewayMetrics(metrics, { services, journal, jobs, captures, books, api, control, inspectors, whois, crossings });
  function unready(): Record<string, string> {
    const why: Record<string, string> = {};
    if (state.phase !== 'serving') why['process'] = 'draining';
    if (inspectors.stats().lanes === 0) why['inspectors'] = 'none is running';
    const hasRules = worlds.current.rules !== undefined;
    if (hasRules && inspectors.stats().rulesLanes === 0) why['rules'] = 'no thread for them is running';
    if (journal.stats().state === 'failed') why['journal'] = 'cannot be written';
    const maxAgeMs = worlds.current.controlMaxAgeMs;
    if (maxAgeMs !== undefined && control.ageMs > maxAgeMs) why['control'] = 'older than server.control.max_age';
    return { ...why, ...listeners.away() };
  }

  // The past first in the queue, but nobody waits for it.
  const replaying: SlotReplayParts = {
    inspectors,
    assemble: made,
    ship: ship.ship,
    missing: (ids) => jobs.missing(ids),
    capture: (order, login) => {
      captures.wantStored(order, login);
    },
    quotas,
    log,
  };
  const replayed = replaySlot(replaying, {
    ...slot,
    before: journal.firstSegment,
    marks: books,
    onSegment: ({ segment, opened, unreadable }) => {
      if (unreadable) void journal.setSegmentAside(segment);
      else journal.adoptSegment(segment, opened);
    },
  }).catch((error: unknown) => {
    log.error({ error: errorChain(error) }, 'replaying the journal failed; its files are kept');
  });
  const freedSlots = new FreedSlots({ dataDir: local.dataDir, replay: replaying, marks, jobs, captures, clock });

  await Promise.all([inspectors.ready(), quotas.opened(QUOTAS_WITHIN_MS)]);
  const accept = createFrontDoor(services);
  const listeners = new Listeners({
    listeners: server.listeners,
    socket: await socketsOf(server, accept),
    localApi,
    certificate: new NodeCertificate({ localApi, folder: join(local.dataDir, 'tls'), clock }),
    log,
  });
  await listeners.start().catch(async (error: unknown) => {
    // It would outlive us.
    await database.embedded?.stop();
    throw error;
  });
  void replayed.then(() => {
    isReplaying = false;
    freedSlots.start();
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
    drain() {
      const settings = serverOf(running.config).drain;
      const drained: Drained = { cut: 0, left: 0, stuck: true };
      const leave = async (): Promise<void> => {
        await freedSlots.stop();
        clearInterval(booksTimer);
        books.stop();
        drained.cut = await letClientsGo({ state, listeners, live, sockets, clock, log }, settings);
        drained.left = await handOn({ settler, jobs, captures, deliveries, exporter, log }, SHIP_WITHIN_MS);
        await control.drain(SIGN_WITHIN_MS);
        const written = await journal.close(JOURNAL_WITHIN_MS);
        const closing = Promise.all([
          ...[upstreams, localApi, jobs, captures, deliveries, exporter, api, control, inspectors].map((each) =>
            each.close(),
          ),
          quotas.close().then(() => quotaThread.close()),
          simulator?.close(),
        ]);
        watchdog.close();
        await Promise.race([closing, wait(CLOSE_WITHIN_MS)]);
        await database.embedded?.stop();
        drained.stuck = !written;
      };
      const late = wait(settings.noticeMs + settings.withinMs + EXIT_WITHIN_MS);
      return Promise.race([leave(), late]).then(() => drained);
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

function jobsSettingsOf(config: Loaded['config']): JobsSettings {
  const told = deliveriesOf(config).webhooks.map(({ destination, events, filter }) => ({
    destination,
    events,
    filter,
  }));
  return { retention: retentionOf(config), told: told.filter(({ events }) => events.some(isRecordEvent)) };
}

/** Webhooks of every exchange, and hooks of those whose grants name them. */
function toldOf(config: Loaded['config']): DeliverySettings {
  return { ...deliveriesOf(config), hooks: hookDestinationsOf(config) };
}

function usesSimulator(loaded: Loaded, port: number): boolean {
  return Object.values(loaded.config.providers).some(({ baseurl }) => baseurl === `http://127.0.0.1:${port}`);
}

/** A start waits so long for the store of quotas, which may be away. */
const QUOTAS_WITHIN_MS = 10_000;

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

/** Hands on every record, and every capture. Resolves with how many exchanges only the journal has when time is up. */
async function handOn(
  parts: {
    settler: Settler;
    jobs: JobsThread;
    captures: CaptureThread;
    deliveries: DeliveriesThread;
    exporter: ExportThread;
    log: Log;
  },
  withinMs: number,
): Promise<number> {
  const { settler, jobs, captures, deliveries, exporter, log } = parts;
  const untilMs = systemClock.nowMs() + withinMs;
  while (settler.depth > 0 && systemClock.nowMs() < untilMs) await wait(10);
  settler.stop();
  const leftMs = Math.max(0, untilMs - systemClock.nowMs());
  const [records, bodies] = await Promise.all([
    jobs.drain(leftMs),
    captures.drain(leftMs),
    deliveries.drain(leftMs),
    exporter.drain(leftMs),
  ]);
  const left = { records: records + settler.depth, captures: bodies };
  if (left.records + left.captures === 0) return 0;
  log.warn(left, 'these stay in the journal, for the next start or another process of this data directory');
  return Math.max(left.records, left.captures);
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function retentionNotes(jobs: JobsThread): Record<string, string> {
  const waiting = jobs.retention?.partitionsWaiting ?? 0;
  return waiting > 0 ? { retention: `${waiting} partitions are due and wait for their export` } : {};
}
