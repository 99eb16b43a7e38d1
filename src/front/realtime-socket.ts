import type { Fault } from '../contract/fault.ts';
import { answerTo } from '../contract/fault.ts';
import { mintExchangeId } from '../contract/ids.ts';
import { CLIENT_UNSENT_BYTES, SOCKET_IDLE_MS, SOCKET_UNSENT_BYTES } from '../contract/limits.ts';
import { BROKEN, CUT, GOING_AWAY, NORMAL, REFUSED, TRY_AGAIN } from '../lib/close-frame.ts';
import { NO_FIELDS } from '../protocols/body-scan.ts';
import { shapeFault } from '../protocols/fault-shapes.ts';
import { readProviderFrame } from '../protocols/openai-responses/frame.ts';
import { RESPONSE_DONE, TRANSCRIBED } from '../protocols/openai-realtime/session.ts';
import type { Dialed } from '../proxy/dial-socket.ts';
import type { Watched } from '../proxy/watchdog.ts';
import type { OpenSocket } from './client-sockets.ts';
import { InOrder } from './in-order.ts';
import { reserveQuota } from './quota.ts';
import { judgeMessage } from './realtime-judge.ts';
import { RealtimeTurns } from './realtime-turns.ts';
import type { RealtimeParts } from './realtime-turns.ts';
import type { ClientWebSocket, WebSocketEvents } from './socket.ts';

const NO_BODY = new Uint8Array(0);

/**
 * A Realtime session. Messages pass both ways as they are; beside them the books are kept: what the client sends opens a
 * turn, the provider's response belongs to it, and its last message ends it.
 */
export class RealtimeSocket implements WebSocketEvents, OpenSocket, Watched {
  readonly #parts: RealtimeParts;
  readonly #turns: RealtimeTurns;
  #socket: ClientWebSocket | undefined;
  #dialed: Dialed | undefined;
  readonly #up = new InOrder();
  readonly #down = new InOrder();
  /** The store is asked whether there may be another turn: until it says so, what the client sends waits. */
  #held: { bytes: Uint8Array<ArrayBuffer>; binary: boolean }[] | undefined;
  #heldBytes = 0;
  #pausedAtMs: number | undefined;
  #lastFrameAtMs: number;
  #leaving = false;
  #over = false;

  constructor(parts: RealtimeParts) {
    this.#parts = parts;
    this.#turns = new RealtimeTurns(parts, {
      refused: (fault) => {
        this.refuse(fault);
      },
      tooMany: () => {
        this.#close(BROKEN, 'more responses at once than can be told apart');
      },
    });
    this.#lastFrameAtMs = parts.services.clock.nowMs();
  }

  get unsentBytes(): number {
    return this.#socket?.unsentBytes ?? 0;
  }

  opened(socket: ClientWebSocket, dialed: Dialed): void {
    this.#socket = socket;
    this.#dialed = dialed;
    this.#parts.services.watchdog.add(this);
  }

  // -- The client ---------------------------------------------------------------------------------------------------

  message(bytes: Uint8Array<ArrayBuffer>, binary: boolean): void {
    if (this.#over) return;
    this.#lastFrameAtMs = this.#parts.services.clock.nowMs();
    // A WebSocket's reader cannot be paused: what the provider does not take ends the session.
    const unsent = (this.#dialed?.unsentBytes ?? 0) + this.#up.bytes + this.#heldBytes;
    if (unsent > SOCKET_UNSENT_BYTES + this.#parts.arrival.world.limits.body_bytes) {
      this.#close(TRY_AGAIN, 'the provider does not take what is sent');
      return;
    }
    if (this.#held === undefined && this.#turns.needsReservation) this.#reserveNext();
    if (this.#held !== undefined) {
      this.#held.push({ bytes, binary });
      this.#heldBytes += bytes.byteLength;
      return;
    }
    this.#fromClient(bytes, binary);
  }

  drained(): void {
    if (this.#pausedAtMs === undefined) return;
    this.#pausedAtMs = undefined;
    this.#dialed?.resume();
  }

  closed(code: number, reason: string): void {
    if (this.#over) return;
    this.#dialed?.close(code, reason);
    this.#end('aborted', { code: 'client_gone' });
  }

  // -- The provider -------------------------------------------------------------------------------------------------

  fromProvider(bytes: Uint8Array, binary: boolean): void {
    if (this.#over) return;
    this.#lastFrameAtMs = this.#parts.services.clock.nowMs();
    const { type, responseId } = binary ? { type: 'binary', responseId: undefined } : readProviderFrame(bytes);
    const turn = this.#turns.ofProvider(type, responseId, bytes);
    turn?.response(type, bytes, binary);
    const done = turn !== undefined && (type === RESPONSE_DONE || type === TRANSCRIBED);
    if (done) turn.close('complete', undefined);
    this.#down.add(
      bytes.byteLength,
      (ready) => {
        if (turn === undefined) ready();
        else turn.whenJournaled(ready);
      },
      () => {
        this.#tell(bytes, binary);
      },
    );
    if (type === RESPONSE_DONE) this.#turnDone();
  }

  providerClosed(code: number, reason: string): void {
    if (this.#over) return;
    const provider = this.#parts.route.provider.id;
    const why = `it closed the WebSocket with ${code}${reason === '' ? '' : `: ${reason}`}`;
    const socket = this.#socket;
    this.#end('error', { code: 'upstream_broken', provider, why });
    this.#down.add(0, atOnce, () => socket?.close(code, reason));
  }

  // -- The house ----------------------------------------------------------------------------------------------------

  refuse(fault: Fault): void {
    if (this.#over) return;
    this.#say(fault);
    const socket = this.#socket;
    this.#dialed?.close(NORMAL, '');
    this.#end('error', fault);
    socket?.close(REFUSED, answerTo(fault).message);
  }

  dismiss(): void {
    this.#leaving = true;
    if (!this.#turns.areUnderWay) this.#close(GOING_AWAY, 'the gateway is restarting');
  }

  checkDeadlines(nowMs: number): void {
    const { idle_ms } = this.#parts.arrival.world.timeouts;
    if (this.#pausedAtMs !== undefined && nowMs - this.#pausedAtMs > idle_ms) this.#close(CUT, '');
    else if (nowMs - this.#lastFrameAtMs > SOCKET_IDLE_MS) this.#close(NORMAL, 'idle');
  }

  // -- Inside -------------------------------------------------------------------------------------------------------

  #fromClient(bytes: Uint8Array<ArrayBuffer>, binary: boolean): void {
    const refused = binary ? undefined : judgeMessage(this.#parts, bytes);
    if (refused !== undefined) {
      this.#say(refused);
      return;
    }
    const turn = this.#turns.ofClient();
    turn.request(bytes, binary);
    this.#up.add(
      bytes.byteLength,
      (ready) => {
        turn.whenJournaled(ready);
      },
      () => {
        if (!this.#over) this.#dialed?.send(bytes, binary);
      },
    );
  }

  #turnDone(): void {
    if (!this.#leaving || this.#turns.areUnderWay) return;
    this.#down.add(0, atOnce, () => {
      this.#close(GOING_AWAY, 'the gateway is restarting');
    });
  }

  /** As the client begins to speak again. An empty budget ends the session before the turn, with a word. */
  #reserveNext(): void {
    const { services, arrival, endpoint, route, model } = this.#parts;
    const id = mintExchangeId(services.clock.nowMs());
    const scanned = { original: NO_BODY, decoded: NO_BODY, fields: NO_FIELDS, packed: false, edited: false };
    this.#held = [];
    void Promise.resolve(reserveQuota(services.quotas, arrival, endpoint, id, { scanned, route, model })).then(
      (admission) => {
        if (this.#over) {
          services.quotas.release(id);
          return;
        }
        if (!admission.ok) {
          this.#down.add(0, atOnce, () => {
            this.refuse(admission.fault);
          });
          return;
        }
        this.#turns.reserved(id);
        const held = this.#held ?? [];
        this.#held = undefined;
        this.#heldBytes = 0;
        for (const { bytes, binary } of held) this.#fromClient(bytes, binary);
      },
    );
  }

  /** To the client. A slow one pauses its provider, and no other. */
  #tell(bytes: Uint8Array, binary: boolean): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.send(bytes, binary);
    if (socket.unsentBytes <= CLIENT_UNSENT_BYTES || this.#pausedAtMs !== undefined) return;
    this.#pausedAtMs = this.#parts.services.clock.nowMs();
    this.#dialed?.pause();
  }

  #say(fault: Fault): void {
    const { services } = this.#parts;
    services.metrics.refused(fault.code);
    const id = mintExchangeId(services.clock.nowMs());
    const { body } = shapeFault('openai_socket', fault, id);
    const socket = this.#socket;
    if (socket === undefined) return;
    if (socket.unsentBytes > SOCKET_UNSENT_BYTES) this.#close(REFUSED, 'messages are not read');
    else socket.send(body, false);
  }

  #close(code: number, reason: string): void {
    if (!this.#over) this.#socket?.close(code, reason);
  }

  /** Nothing more comes: what is open of the books is closed as it is. */
  #end(state: 'aborted' | 'error', fault: Fault): void {
    this.#over = true;
    const { services, id } = this.#parts;
    services.watchdog.remove(this);
    services.sockets.remove(id);
    this.#turns.end(state, fault);
  }
}

function atOnce(ready: () => void): void {
  ready();
}
