import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import type { EgressAnswer, EgressFault, EgressRequest } from '../contract/egress.ts';
import { errorChain } from '../lib/log.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { addressPolicy } from './addresses.ts';
import { checkedConnector, NotConnected, systemResolve } from './checked-connector.ts';
import type { Resolve } from './checked-connector.ts';

export interface EgressSettings {
  /** CIDR ranges and addresses that may be connected to although they are not public. */
  allow: readonly string[];
  /** PEM of authorities besides those that Node knows. */
  ca: string | undefined;
}

export interface EgressOptions {
  /** Looking up a name and connecting. */
  connectMs: number;
  /** Requests under way to one destination; one more is refused at once (`busy`), as the caller knows what can wait. */
  perDestination: number;
  /** An idle connection is kept this long. */
  idleMs: number;
  /** Hosts that name this machine or a node of a tailnet may be there, without a range that allows it. */
  near: boolean;
  resolve: Resolve;
}

export const EGRESS_DEFAULTS: EgressOptions = {
  connectMs: 5_000,
  perDestination: 16,
  // Within a burst, and hardly beyond it.
  idleMs: 5_000,
  near: false,
  resolve: systemResolve,
};

/**
 * To hooks. A request waits for them: a thousand a second before a hook of half a second are 500 at once, and one more
 * fails, as its `fail_policy` says. Connections are left before any common server leaves them (gunicorn does after 2 s): a
 * request on one that was just closed would look like a hook that is broken.
 */
export const HOOK_EGRESS: EgressOptions = { ...EGRESS_DEFAULTS, perDestination: 512, idleMs: 1_500, near: true };

/** The one way out for requests of the gateway's own, to destinations that the operator named. */
export interface Egress {
  /** Never rejects. */
  send(request: EgressRequest): Promise<Result<EgressAnswer, EgressFault>>;
  /** Holds for what is sent from now on, on new connections. */
  reconfigure(settings: EgressSettings): void;
  /** Requests under way. */
  readonly running: number;
  /** Breaks what is under way. */
  close(): Promise<void>;
}

const ANSWER_HEADER_BYTES = 32 * 1024;
const WHY_CHARACTERS = 300;

/** Proxies that the environment names are not used: undici's `Agent` does not look there. */
export function createEgress(settings: EgressSettings, options: EgressOptions = EGRESS_DEFAULTS): Egress {
  let agents = openAgents(settings, options);
  const running = new Map<string, number>();
  let all = 0;
  const count = (destination: string, change: 1 | -1): void => {
    all += change;
    const now = (running.get(destination) ?? 0) + change;
    if (now === 0) running.delete(destination);
    else running.set(destination, now);
  };
  return {
    send: async (request) => {
      const { destination } = request;
      if ((running.get(destination) ?? 0) >= options.perDestination) {
        return failed({ code: 'busy', destination, limit: options.perDestination });
      }
      count(destination, 1);
      try {
        return await dispatched(request.target.plainHttp ? agents.plain : agents.checked, request, options.connectMs);
      } finally {
        count(destination, -1);
      }
    },
    reconfigure: (next) => {
      const before = agents;
      agents = openAgents(next, options);
      // Ends its connections once what runs on them has ended.
      void Promise.all([before.checked.close(), before.plain.close()]);
    },
    get running() {
      return all;
    },
    close: async () => {
      await Promise.all([agents.checked.destroy(), agents.plain.destroy()]);
    },
  };
}

interface Agents {
  /** https, and http to what was allowed. */
  checked: Agent;
  /** http to public addresses too. */
  plain: Agent;
}

function openAgents({ allow, ca }: EgressSettings, { connectMs, idleMs, near, resolve }: EgressOptions): Agents {
  const policy = addressPolicy(allow, near);
  const open = (plainHttp: boolean): Agent =>
    new Agent({
      connect: checkedConnector({ policy, resolve, connectMs, ca, plain: plainHttp }),
      // Our own deadline is the only one.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: idleMs,
      keepAliveMaxTimeout: idleMs,
      pipelining: 1,
      maxHeaderSize: ANSWER_HEADER_BYTES,
    });
  return { checked: open(false), plain: open(true) };
}

function dispatched(
  agent: Agent,
  request: EgressRequest,
  connectMs: number,
): Promise<Result<EgressAnswer, EgressFault>> {
  return new Promise((resolve) => {
    const call = new Call(request, connectMs, resolve);
    try {
      agent.dispatch(
        {
          origin: request.target.origin,
          path: request.target.path,
          method: request.method,
          headers: request.headers.flat(),
          body: request.body,
        },
        call,
      );
    } catch (error) {
      // Arguments that undici refuses: nothing was sent.
      call.onResponseError(undefined, error);
    }
  });
}

const OVER = new Error('ended by the gateway');

/** One request: settled once, by its answer, by a fault or by its deadline. */
class Call implements Dispatcher.DispatchHandler {
  readonly #request: EgressRequest;
  readonly #connectMs: number;
  readonly #settle: (outcome: Result<EgressAnswer, EgressFault>) => void;
  readonly #timers: NodeJS.Timeout[];
  #controller: Dispatcher.DispatchController | undefined;
  #head: { status: number; headers: [string, string][] } | undefined;
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  #over = false;

  constructor(request: EgressRequest, connectMs: number, settle: (outcome: Result<EgressAnswer, EgressFault>) => void) {
    this.#request = request;
    this.#connectMs = connectMs;
    this.#settle = settle;
    const { firstByteMs, totalMs } = request;
    this.#timers = [this.#deadline('total', totalMs)];
    if (firstByteMs < totalMs) this.#timers.push(this.#deadline('first_byte', firstByteMs));
    request.signal?.addEventListener('abort', this.#giveUp);
    if (request.signal?.aborted === true) this.#giveUp();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Its deadline came while it waited for a connection: nothing is sent.
    if (this.#over) controller.abort(OVER);
  }

  onResponseStart(_controller: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (status < 200) return;
    this.#head = { status, headers: pairsOf(headers) };
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    if (this.#over) return;
    const room = this.#request.answerBytes - this.#bytes;
    // The chunk is a view on a larger read.
    if (room > 0) this.#chunks.push(new Uint8Array(chunk.subarray(0, room)));
    this.#bytes += Math.min(room, chunk.length);
    if (chunk.length <= room) return;
    this.#answer(true);
    this.#controller?.abort(OVER);
  }

  onResponseEnd(): void {
    this.#answer(false);
  }

  onResponseError(_controller: unknown, error: unknown): void {
    this.#end(failed(this.#faultOf(error)));
  }

  #answer(cut: boolean): void {
    if (this.#head !== undefined) this.#end(ok({ ...this.#head, body: Buffer.concat(this.#chunks), cut }));
  }

  readonly #giveUp = (): void => {
    this.#end(failed({ code: 'given_up', host: this.#request.target.host }));
    this.#controller?.abort(OVER);
  };

  #deadline(phase: 'first_byte' | 'total', afterMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      if (phase === 'first_byte' && this.#head !== undefined) return;
      this.#end(failed({ code: 'timeout', host: this.#request.target.host, phase, afterMs }));
      this.#controller?.abort(OVER);
    }, afterMs);
  }

  #end(outcome: Result<EgressAnswer, EgressFault>): void {
    if (this.#over) return;
    this.#over = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#request.signal?.removeEventListener('abort', this.#giveUp);
    this.#settle(outcome);
  }

  #faultOf(error: unknown): EgressFault {
    if (error instanceof NotConnected) return error.fault;
    const { host } = this.#request.target;
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'UND_ERR_CONNECT_TIMEOUT') {
      return { code: 'timeout', host, phase: 'connect', afterMs: this.#connectMs };
    }
    const why = errorChain(error).slice(0, WHY_CHARACTERS);
    return { code: this.#controller === undefined ? 'unreachable' : 'broken', host, why };
  }
}

function pairsOf(headers: Record<string, string | string[] | undefined>): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((each): [string, string] => [name.toLowerCase(), each]),
  );
}
