import { NORMAL } from '../lib/close-frame.ts';
import { createFrame, readProviderFrame } from '../protocols/openai-responses/frame.ts';
import { isLastEvent } from '../protocols/openai-responses/stream.ts';
import type { Dialed, DialedEvents } from './dial-socket.ts';
import type { SocketTurn, TurnCarrier } from './socket-turn.ts';

export interface ConnectionParts {
  dial: (events: DialedEvents) => Dialed;
  onFrame: (type: string, bytes: Uint8Array) => void;
  /** It takes no turn any more. */
  onOver: () => void;
  onClosed: (code: number, reason: string, turns: number) => void;
  /** True where the turns were sent another way. */
  onRefused: (status: number, turns: readonly SocketTurn[]) => boolean;
  onRefusalTold: (status: number) => void;
}

/** One socket to a provider, and the turns that run on it, oldest first. */
export class TurnConnection implements TurnCarrier {
  readonly #parts: ConnectionParts;
  readonly #dialed: Dialed;
  readonly #turns: SocketTurn[] = [];
  readonly #paused = new Set<SocketTurn>();
  /** Names of turns that nobody wants any more, until they end. */
  readonly #abandoned = new Set<string>();
  #opened = false;
  over = false;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#dialed = parts.dial({
      opened: () => {
        this.#opened = true;
        for (const turn of [...this.#turns]) this.#send(turn);
      },
      message: (bytes) => {
        this.#message(bytes);
      },
      drained: () => undefined,
      refused: (status, headers, body) => {
        this.#refused(status, headers, body);
      },
      failed: (failure) => {
        for (const turn of this.#end()) turn.failed(failure);
      },
      closed: (code, reason) => {
        const turns = this.#end();
        const why = `it closed the WebSocket with ${code}${reason === '' ? '' : `: ${reason}`}`;
        this.#parts.onClosed(code, reason, turns.length);
        for (const turn of turns) turn.failed({ sent: true, kind: 'broken', why });
      },
    });
  }

  get unsentBytes(): number {
    return this.#dialed.unsentBytes;
  }

  runs(streamId: string): boolean {
    return this.#turns.some((turn) => turn.streamId === streamId);
  }

  begin(turn: SocketTurn): void {
    turn.connection = this;
    this.#turns.push(turn);
    if (this.#opened) this.#send(turn);
  }

  send(bytes: Uint8Array): boolean {
    if (!this.#opened || this.over || this.#turns.length === 0) return false;
    this.#dialed.send(bytes, false);
    return true;
  }

  pause(turn: SocketTurn): void {
    this.#paused.add(turn);
    this.#dialed.pause();
  }

  resume(turn: SocketTurn): void {
    this.#unpause(turn);
  }

  /** A turn that nobody wants any more. No message says so: closing does, where no other turn is hurt. */
  abandon(turn: SocketTurn): void {
    this.#remove(turn);
    if (this.over) return;
    if (this.#turns.length > 0 && turn.streamId !== undefined) {
      // What still comes of it has its name, and goes to nobody.
      this.#abandoned.add(turn.streamId);
      return;
    }
    const others = this.#end();
    this.#dialed.close(NORMAL, '');
    for (const other of others) {
      other.failed({ sent: true, kind: 'broken', why: 'another turn of its WebSocket was aborted' });
    }
  }

  close(code: number, reason: string): void {
    this.over = true;
    this.#dialed.close(code, reason);
  }

  #send(turn: SocketTurn): void {
    const { body } = turn.request;
    this.#dialed.send(createFrame(body ?? new Uint8Array(0), turn.streamId), false);
    turn.events.leaving();
  }

  #message(bytes: Uint8Array): void {
    if (this.over) return;
    const { type, streamId, status } = readProviderFrame(bytes);
    if (streamId !== undefined && this.#abandoned.has(streamId)) {
      if (isLastEvent(type)) this.#abandoned.delete(streamId);
      return;
    }
    const turn = this.#turnOf(streamId);
    if (turn === undefined) {
      this.#parts.onFrame(type, bytes);
      return;
    }
    if (turn.frame(bytes, type, status, [])) this.#remove(turn);
  }

  /** Turns without a name run one after the other. */
  #turnOf(streamId: string | undefined): SocketTurn | undefined {
    const named = streamId === undefined ? undefined : this.#turns.find((turn) => turn.streamId === streamId);
    return named ?? this.#turns.find((turn) => turn.streamId === undefined) ?? this.#unnamed(streamId);
  }

  /** The oldest, where a message names none. */
  #unnamed(streamId: string | undefined): SocketTurn | undefined {
    return streamId === undefined ? this.#turns[0] : undefined;
  }

  #refused(status: number, headers: [string, string][], body: Uint8Array): void {
    const turns = this.#end();
    if (this.#parts.onRefused(status, turns)) return;
    const plain = headers.filter(([name]) => name !== 'content-length' && name !== 'transfer-encoding');
    this.#parts.onRefusalTold(status);
    for (const turn of turns) turn.whole(status >= 400 ? status : 502, plain, body);
  }

  #end(): SocketTurn[] {
    if (this.over) return [];
    this.over = true;
    this.#parts.onOver();
    return this.#turns.splice(0);
  }

  #remove(turn: SocketTurn): void {
    const at = this.#turns.indexOf(turn);
    if (at >= 0) this.#turns.splice(at, 1);
    this.#unpause(turn);
  }

  #unpause(turn: SocketTurn): void {
    if (this.#paused.delete(turn) && this.#paused.size === 0 && !this.over) this.#dialed.resume();
  }
}
