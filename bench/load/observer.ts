import { connect } from 'node:net';
import type { Socket } from 'node:net';

const HEAD_END = '\r\n\r\n';

/** One exchange as seen from both ends of the way, in milliseconds. */
export interface Observed {
  /** From the request's first byte out of the client to its first byte at the provider. */
  thereMs: number;
  /** From the answer's first byte out of the provider to its first byte at the client. */
  backMs: number;
  /** From the request's first byte out of the client to the answer's first byte in. */
  wholeMs: number;
  /** What the answer's `server-timing` says; undefined where it has none. */
  said: { gatewayMs: number; upstreamMs: number } | undefined;
}

/**
 * The near end of `observed-provider.ts`: one keep-alive connection, one request at a time. Both ends read the clock that all
 * processes of a machine share (CLOCK_MONOTONIC), so a way is known in each direction. What the sockets and both ends cost by
 * themselves is seen by observing the provider directly. With both ends in one process neither ever sleeps while an answer
 * is due: an end that must be woken up first sees, beside what it observes, how long that takes, and directly less of it.
 */
export class Observer {
  readonly #socket: Socket;
  #answer = '';
  #firstByteNs = 0n;
  #told: ((answer: string) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('data', (bytes) => {
      if (this.#answer === '') this.#firstByteNs = process.hrtime.bigint();
      this.#answer += bytes.toString('latin1');
      if (!isWhole(this.#answer)) return;
      this.#told?.(this.#answer);
      this.#told = undefined;
    });
    this.#socket.on('error', (error) => {
      this.#break(error);
    });
    this.#socket.on('close', () => {
      this.#break(new Error('the connection was closed'));
    });
  }

  /** Rejects when the connection breaks, or the answer is not that of an observed provider. */
  async observe(request: Uint8Array): Promise<Observed> {
    this.#answer = '';
    const sentNs = process.hrtime.bigint();
    const answer = await new Promise<string>((resolve, reject) => {
      this.#told = resolve;
      this.#failed = reject;
      this.#socket.write(request);
      this.#stayAwake();
    });
    const times = /\r\nx-observed: (\d+) (\d+)/i.exec(answer);
    if (times === null) throw new Error(`not an observed answer: ${answer.slice(0, 200)}`);
    const said = /\r\nserver-timing: gateway;dur=([\d.]+), upstream;dur=([\d.]+)/i.exec(answer);
    return {
      thereMs: ms(BigInt(times[1] ?? 0) - sentNs),
      backMs: ms(this.#firstByteNs - BigInt(times[2] ?? 0)),
      wholeMs: ms(this.#firstByteNs - sentNs),
      said: said === null ? undefined : { gatewayMs: Number(said[1]), upstreamMs: Number(said[2]) },
    };
  }

  #break(error: Error): void {
    this.#told = undefined;
    this.#failed?.(error);
  }

  #stayAwake(): void {
    if (this.#told !== undefined) setImmediate(() => this.#stayAwake());
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }
}

function ms(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}

/** Observed answers have a declared length. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf(HEAD_END);
  if (end < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(answer.slice(0, end))?.[1];
  return length !== undefined && answer.length >= end + HEAD_END.length + Number(length);
}
