import type { Fault } from '../contract/fault.ts';
import type { InspectorPool } from '../inspect/pool.ts';
import type { Log } from '../lib/log.ts';
import type { Result } from '../lib/result.ts';
import type { ExchangeServices } from '../proxy/exchange.ts';
import type { Settler } from '../records/settle.ts';
import type { FrontMetrics } from './front-metrics.ts';
import type { LiveExchanges } from './live.ts';
import type { Worlds } from './world.ts';

/** The journal as the front door needs it. */
export interface FrontJournal {
  /** Whether one more exchange may begin. */
  admit(): Result<void, Fault>;
  append(
    exchange: string,
    kind: 'opened' | 'request' | 'head' | 'response' | 'closed',
    payload: Uint8Array | object,
  ): void;
  barrier(exchange: string, release: () => void): void;
  /** The segment that holds an exchange's `opened` frame. */
  segmentOf(exchange: string): number;
}

/** A question to the thread that reads the database. */
export interface ApiQuestion {
  method: string;
  path: string;
  query: string;
  caller: { login: string; role: 'admin' | 'user' };
}
export interface ApiAnswer {
  status: number;
  body: Uint8Array;
}

export interface ProcessState {
  draining: boolean;
  /** Why this process is not ready, by part; empty when it is. */
  unready(): Record<string, string>;
}

/** What the front door is handed by a root. */
export interface FrontServices extends ExchangeServices {
  journal: FrontJournal;
  worlds: Worlds;
  inspectors: InspectorPool;
  settler: Settler;
  live: LiveExchanges;
  metrics: FrontMetrics;
  log: Log;
  state: ProcessState;
  askApi(question: ApiQuestion): Promise<Result<ApiAnswer, Fault>>;
  renderMetrics(): Promise<string>;
}
