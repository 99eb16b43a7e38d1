import { connect, createServer } from 'node:net';
import type { NetConnectOpts, Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../bench/targets.ts';

/** How bytes pass: `stalled` ones pass once it is open again. */
type Passage = { at: 'open' } | { at: 'slow'; ms: number } | { at: 'stalled'; over: Promise<void>; end: () => void };

/**
 * A port that leads to a server, over which a test has power: it delays, holds, loses or cuts what passes. What it leads
 * to never knows.
 */
export class Relay {
  readonly #to: NetConnectOpts;
  readonly #lines = new Set<Line>();
  #server: Server | undefined;
  #passage: Passage = { at: 'open' };
  readonly port: number;

  private constructor(to: NetConnectOpts, port: number) {
    this.#to = to;
    this.port = port;
  }

  static async to(to: NetConnectOpts): Promise<Relay> {
    const relay = new Relay(to, await freePort());
    await relay.#listen();
    return relay;
  }

  /** All passes at once, and connections are taken, as at the beginning. */
  async open(): Promise<void> {
    this.#become({ at: 'open' });
    if (this.#server === undefined) await this.#listen();
  }

  /** Every piece of every connection waits so long, each way. */
  slow(ms: number): void {
    this.#become({ at: 'slow', ms });
  }

  /** Nothing passes, and nothing is lost. */
  stall(): void {
    let end = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#become({ at: 'stalled', over, end });
  }

  /** Connections break, and none is taken. */
  async cut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const line of this.#lines) line.cut();
    await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
  }

  /**
   * As when a cable is pulled out: on the connections of now nothing will ever arrive, and neither end is told. New ones
   * pass.
   */
  lose(): void {
    for (const line of this.#lines) line.lost = true;
  }

  async close(): Promise<void> {
    this.#become({ at: 'open' });
    await this.cut();
  }

  #become(passage: Passage): void {
    const before = this.#passage;
    this.#passage = passage;
    if (before.at === 'stalled') before.end();
  }

  /** Resolves when the next piece may go on. */
  async #pass(): Promise<void> {
    while (this.#passage.at === 'stalled') await this.#passage.over;
    if (this.#passage.at === 'slow') await sleep(this.#passage.ms);
  }

  #listen(): Promise<void> {
    const server = createServer((near) => {
      const line = new Line(near, connect(this.#to), () => this.#pass());
      this.#lines.add(line);
      void line.run().finally(() => this.#lines.delete(line));
    });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, '127.0.0.1', resolve);
    });
  }
}

/** One connection and the one behind it. */
class Line {
  readonly #ends: readonly [Socket, Socket];
  readonly #pass: () => Promise<void>;
  lost = false;

  constructor(near: Socket, far: Socket, pass: () => Promise<void>) {
    this.#ends = [near, far];
    this.#pass = pass;
    // Told by the pump that reads it.
    for (const end of this.#ends) end.on('error', () => undefined).setNoDelay(true);
  }

  async run(): Promise<void> {
    const [near, far] = this.#ends;
    await Promise.all([this.#pump(near, far), this.#pump(far, near)]);
  }

  cut(): void {
    const [near, far] = this.#ends;
    near.resetAndDestroy();
    far.destroy();
  }

  async #pump(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const bytes of from) {
        await this.#pass();
        if (this.lost) continue;
        if (!to.write(bytes as Buffer)) await drained(to);
      }
      await this.#pass();
      if (!this.lost) to.end();
    } catch {
      if (!this.lost) to.destroy();
    }
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      for (const event of ['drain', 'close']) socket.off(event, over);
      resolve();
    };
    for (const event of ['drain', 'close']) socket.once(event, over);
  });
}
