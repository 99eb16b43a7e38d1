import type { Fault } from '../contract/fault.ts';
import type { Opened } from '../contract/exchange.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { AdminQuestion } from '../contract/question.ts';
import type { InspectorPool } from '../inspect/pool.ts';
import type { Log } from '../lib/log.ts';
import type { Result } from '../lib/result.ts';
import type { ExchangeJournal, WireFrames } from '../proxy/client.ts';
import type { ExchangeServices } from '../proxy/exchange.ts';
import type { TurnSockets, TurnSocketsOptions } from '../proxy/turn-sockets.ts';
import type { Dial } from '../proxy/dial-socket.ts';
import type { Settler } from '../records/settle.ts';
import type { QuotaQuestion } from '../quota/messages.ts';
import type { QuotaLedger } from '../quota/ledger.ts';
import type { Resources } from '../resources/resources.ts';
import type { FrontMetrics } from './front-metrics.ts';
import type { KillSwitch } from './kill-switch.ts';
import type { ClientSockets } from './client-sockets.ts';
import type { LiveExchanges } from './live.ts';
import type { UiFiles } from './ui-door.ts';
import type { Worlds } from './world.ts';

/** What a whole exchange writes. */
export interface FrontFrames extends WireFrames {
  opened: Opened;
  request: Uint8Array;
}

/** The journal as the front door needs it. */
export interface FrontJournal extends ExchangeJournal {
  /** Whether one more exchange may begin. */
  admit(): Result<void, Fault>;
  append<K extends keyof FrontFrames>(exchange: ExchangeId, kind: K, payload: FrontFrames[K]): void;
  /** The segment that holds an exchange's `opened` frame. */
  segmentOf(exchange: ExchangeId): number;
}

/** A question to the thread that reads the database. */
export interface ApiQuestion {
  method: string;
  path: string;
  query: string;
  caller: {
    login: string;
    nodeId: string;
    role: 'admin' | 'user';
    readCaptures: boolean;
    readAudit: boolean;
    filterableHeaders: readonly string[];
  };
}

export interface ApiAnswer {
  status: number;
  headers: [string, string][];
  body: Uint8Array;
}

export interface ProcessState {
  /** `draining`: what comes is answered, but no more should come. `ending`: what runs is over, and nothing begins. */
  phase: 'serving' | 'draining' | 'ending';
  /** Why this process is not ready, by part; empty when it is. */
  unready(): Record<string, string>;
  /** What an operator should know although the process is ready, by part. */
  notes(): Record<string, string>;
}

/** What the front door is handed by a root. */
export interface FrontServices extends ExchangeServices {
  journal: FrontJournal;
  worlds: Worlds;
  inspectors: InspectorPool;
  settler: Settler;
  resources: Resources;
  quotas: QuotaLedger;
  live: LiveExchanges;
  /** WebSockets of clients. */
  sockets: ClientSockets;
  /** The providers' sockets of one client's socket. */
  turnSockets(told: Pick<TurnSocketsOptions, 'onFrame' | 'onClosed' | 'onRefused'>): TurnSockets;
  dial: Dial;
  /** Owner of what is revoked; a root feeds it with each snapshot of the control state. */
  killSwitch: KillSwitch;
  metrics: FrontMetrics;
  log: Log;
  state: ProcessState;
  /** Name of the tailnet that this node is in; empty where it is in none, or not known yet. */
  tailnet(): string;
  askApi(question: ApiQuestion): Promise<Result<ApiAnswer, Fault>>;
  /** A change of what is to be delivered, asked of the thread that delivers. */
  askDeliveries: (question: AdminQuestion) => Promise<Result<ApiAnswer, Fault>>;
  /** Of balances: of the thread that keeps them. `buckets`: those of a caller who may not see all. */
  askQuotas: (question: QuotaQuestion) => Promise<Result<ApiAnswer, Fault>>;
  askControl: (question: AdminQuestion) => Promise<Result<ApiAnswer, Fault>>;
  /** Milliseconds since the store last said that the control state we have is what holds. */
  controlAgeMs(): number;
  renderMetrics(): Promise<string>;
  /** The dashboard; empty where it was not built. */
  ui: UiFiles;
}
