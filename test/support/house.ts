import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { loadConfig } from '../../config/load.ts';
import { quotasOf, serverOf } from '../../config/slices.ts';
import type { ControlSnapshot } from '../../src/contract/control.ts';
import type { Fault } from '../../src/contract/fault.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { createFrontDoor } from '../../src/front/front-door.ts';
import { FrontMetrics } from '../../src/front/front-metrics.ts';
import { KillSwitch } from '../../src/front/kill-switch.ts';
import { ClientSockets } from '../../src/front/client-sockets.ts';
import { LiveExchanges } from '../../src/front/live.ts';
import type { FrontSocket } from '../../src/front/socket.ts';
import { Worlds } from '../../src/front/world.ts';
import { TokenDirectory } from '../../src/identity/tokens.ts';
import { ruleKeysOf } from '../../src/guardrails/rule-keys.ts';
import { InspectorPool } from '../../src/inspect/pool.ts';
import { Journal } from '../../src/journal/journal.ts';
import { JOURNAL_DEFAULTS } from '../../src/journal/options.ts';
import type { Arrival } from '../../src/lib/arrival.ts';
import { ByteBudget } from '../../src/lib/byte-budget.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Log } from '../../src/lib/log.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { loadPriceTable } from '../../src/pricing/table.ts';
import { createUpstreams } from '../../src/proxy/upstream.ts';
import { socketsToProviders } from '../../src/proxy/sockets.ts';
import { Watchdog } from '../../src/proxy/watchdog.ts';
import { QuotaLedger } from '../../src/quota/ledger.ts';
import { assemble } from '../../src/records/assemble.ts';
import { ok } from '../../src/lib/result.ts';
import type { Result } from '../../src/lib/result.ts';
import { Settler } from '../../src/records/settle.ts';
import { Resources } from '../../src/resources/resources.ts';
import { buildWorld } from '../../src/serve/build-world.ts';
import { settledCost } from '../../src/serve/quotas.ts';
import { readBack } from '../../src/serve/replay.ts';
import { MemoryStore } from '../quota/memory-store.ts';
import { temporaryFolder } from './gateway.ts';
import { createTestSocket } from './test-socket.ts';
import { until } from './until.ts';

const GATEWAY = 'gateway-of-the-test';
/** Ten times as often as a gateway's. */
const TICK_MS = 100;

/**
 * A gateway inside the test's process, of the product's own parts and with real sockets; only the database behind it is
 * missing, and the control state that would come from there is handed in. Records stay in a list.
 */
export interface House {
  /** One for each of `server.listen`, in order. */
  urls: string[];
  dataDir: string;
  live: LiveExchanges;
  clientSockets: ClientSockets;
  killSwitch: KillSwitch;
  records: ExchangeRecord[];
  quotas: QuotaLedger;
  /** What the ledger asks: by key. */
  balances: MemoryStore;
  /** Every line that was logged. */
  logged: string[];
  metrics(): Promise<string>;
  /** What a new snapshot from the store does. */
  control(state: Partial<Pick<ControlSnapshot, 'tokens' | 'revocations'>>): void;
  record(id: string): Promise<ExchangeRecord>;
  /** A thread that runs rules dies, as if by a crash. */
  killRules(): Promise<unknown>;
  /** Waits until nothing of any request is left. */
  quiescent(): Promise<void>;
  close(): Promise<void>;
}

const NO_STORE: Result<never, Fault> = { ok: false, fault: { code: 'store_unavailable', why: 'there is none here' } };

/** `arrivedAtMs`: the test's process has one thread for all ends, whose turns are nobody's in particular. */
export async function openHouse(config: unknown, arrivedAtMs: Arrival = () => systemClock.nowMs()): Promise<House> {
  const loaded = loadConfig({ text: JSON.stringify(config), file: 'house.hujson', env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.fault));
  const server = serverOf(loaded.value.config);
  const dataDir = temporaryFolder();
  const clock = systemClock;
  const logged: string[] = [];
  const log = logInto(logged);
  const inspectors = new InspectorPool({
    file: join(packageRoot(), 'dist', 'workers', 'inspector.js'),
    lanes: 1,
    log,
    ruleKeys: ruleKeysOf(Buffer.alloc(32)),
    onMade: (id, holding) => {
      resources.learn(id, holding);
    },
  });
  const journal = await Journal.open({
    ...JOURNAL_DEFAULTS,
    folder: join(dataDir, 'journal'),
    gatewayId: GATEWAY,
    mode: 'strict',
    fsync: 'none',
    maxBytes: 1024 * 1024 * 1024,
    whenFull: 'refuse',
    clock,
    onSegmentSealed: () => undefined,
    onState: () => undefined,
  });
  const records: ExchangeRecord[] = [];
  const registry = new Registry();
  const metrics = new FrontMetrics(registry);
  const balances = new MemoryStore(() => clock.nowMs());
  const quotas = new QuotaLedger({ life: 'house', clock, claim: balances.claim });
  quotas.reconfigure(quotasOf(loaded.value.config));
  const ticking = setInterval(() => {
    quotas.tick();
  }, TICK_MS);
  const settler = new Settler({
    assemble: (exchange, facts) => {
      const { id, quotas: chains } = exchange.opened;
      const { charges } = quotas.charge(id, chains, settledCost(exchange, facts));
      return assemble({ ...exchange, gateway: GATEWAY, facts, charges });
    },
    ship: (record) => records.push(record) > 0,
    reinspect: async (id) => {
      const stored = await journal.readExchange(id);
      return stored === undefined ? undefined : readBack(inspectors, stored);
    },
    left: (id) => {
      quotas.release(id);
      journal.forget(id);
    },
    onRecord: (record) => {
      metrics.record(record);
    },
    log,
  });
  const tokens = new TokenDirectory(clock);
  const world = buildWorld(1, loaded.value, {
    listeners: server.listeners,
    whois: undefined,
    tokens,
    prices: loadPriceTable(join(packageRoot(), 'config', 'prices.json')),
    modelMetadata: () => undefined,
    keySecret: Buffer.alloc(32),
  });
  inspectors.setWorld(world.number, world.pricing, world.rules);
  const resources = new Resources({
    store: { whose: () => Promise.resolve(ok({ of: 'nobody' })), own: () => Promise.resolve(NO_STORE) },
    clock,
  });
  const upstreams = createUpstreams({ connectTimeoutMs: server.timeouts.connectMs });
  const watchdog = new Watchdog(clock);
  const budget = new ByteBudget(server.limits.inflightBytes);
  const live = new LiveExchanges();
  const clientSockets = new ClientSockets();
  const killSwitch = new KillSwitch({ clock, live, watchers: inspectors, sockets: clientSockets });
  await inspectors.ready();
  const accept = createFrontDoor({
    clock,
    arrivedAtMs,
    journal,
    upstreams,
    watchdog,
    budget,
    worlds: new Worlds(world),
    inspectors,
    settler,
    live,
    sockets: clientSockets,
    ...socketsToProviders(upstreams, server.timeouts.connectMs, clock),
    killSwitch,
    metrics,
    log,
    state: { phase: 'serving', unready: () => ({}), notes: () => ({}) },
    resources,
    askApi: () => Promise.resolve(NO_STORE),
    askControl: () => Promise.resolve(NO_STORE),
    askDeliveries: () => Promise.resolve(NO_STORE),
    quotas,
    askQuotas: () => Promise.resolve(NO_STORE),
    tailnet: () => '',
    controlAgeMs: () => 0,
    renderMetrics: () => registry.metrics(),
    ui: new Map(),
  });
  const sockets: FrontSocket[] = [];
  const urls: string[] = [];
  for (const index of server.listeners.keys()) {
    const socket = createTestSocket(accept, index, undefined, server.limits.bodyBytes);
    urls.push(`http://127.0.0.1:${await socket.listen('127.0.0.1', 0)}`);
    sockets.push(socket);
  }
  return {
    urls,
    dataDir,
    live,
    clientSockets,
    killSwitch,
    records,
    logged,
    quotas,
    balances,
    metrics: () => registry.metrics(),
    killRules: () => inspectors.killOneThread('rules'),
    control({ tokens: entries = [], revocations = [] }) {
      tokens.reconfigure(entries);
      killSwitch.reconfigure({ tokens: entries, revocations });
    },
    record: (id) => until(`there is a record of ${id}`, () => records.find((record) => record.id === id)),
    quiescent: async () => {
      await until('nothing is left', () => {
        const { unreadBytes } = inspectors.stats();
        return [live.size, live.subjects, budget.usedBytes, settler.depth, unreadBytes].every((level) => level === 0);
      });
    },
    async close() {
      clearInterval(ticking);
      settler.stop();
      for (const socket of sockets) socket.close();
      watchdog.close();
      await upstreams.close();
      await inspectors.close();
      await journal.close(5000);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function logInto(lines: string[]): Log {
  const write = (fields: Record<string, unknown>, message: string): void => {
    lines.push(JSON.stringify({ ...fields, message }));
  };
  return { debug: write, info: write, warn: write, error: write };
}
