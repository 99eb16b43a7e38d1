import type { Subject } from '../access/revocations.ts';
import type { Fault } from '../contract/fault.ts';
import { answerTo } from '../contract/fault.ts';
import { mintExchangeId } from '../contract/ids.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { CLIENT_UNSENT_BYTES, SOCKET_IDLE_MS, SOCKET_TURNS, SOCKET_UNSENT_BYTES } from '../contract/limits.ts';
import { BROKEN, CUT, GOING_AWAY, NORMAL, REFUSED, TRY_AGAIN } from '../lib/close-frame.ts';
import { NO_FIELDS, scanBody } from '../protocols/body-scan.ts';
import { shapeFault } from '../protocols/fault-shapes.ts';
import { objectOf, parseJson, textOrNull } from '../protocols/json.ts';
import type { JsonObject } from '../protocols/json.ts';
import { readClientFrame, readProviderFrame } from '../protocols/openai-responses/frame.ts';
import { RESPONSE_CREATED, RESPONSE_DONE, TRANSCRIBED } from '../protocols/openai-realtime/session.ts';
import type { Dialed } from '../proxy/dial-socket.ts';
import type { Watched } from '../proxy/watchdog.ts';
import { mayName } from '../routing/plan.ts';
import type { Route } from '../routing/plan.ts';
import type { OpenSocket } from './client-sockets.ts';
import { InOrder } from './in-order.ts';
import { reserveQuota } from './quota.ts';
import { RealtimeTurn } from './realtime-turn.ts';
import { openedFrame } from './request-life.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';
import { toldAfter } from './rules.ts';
import type { FrontServices } from './services.ts';
import type { ClientWebSocket, WebSocketEvents } from './socket.ts';

export interface RealtimeParts {
  services: FrontServices;
  /** Of the upgrade. */
  arrival: Arrival;
  /** Of its turns. */
  endpoint: ExchangeEndpoint;
  /** The session's own, under which its first turn is reserved. */
  id: ExchangeId;
  /** As the client named it. */
  model: string;
  route: Route;
  keyId: string;
  /** Chains of buckets that every turn is charged in. */
  quotas: string[][];
  subjects: readonly Subject[];
}

const NO_BODY = new Uint8Array(0);

/**
 * A Realtime session. Messages pass both ways as they are; beside them the books are kept: what the client sends opens a
 * turn, the provider's response belongs to it, and its last message ends it.
 */
export class RealtimeSocket implements WebSocketEvents, OpenSocket, Watched {
  readonly #parts: RealtimeParts;
  #socket: ClientWebSocket | undefined;
  #dialed: Dialed | undefined;
  readonly #up = new InOrder();
  readonly #down = new InOrder();
  /** What the client sends belongs to it. */
  #asking: RealtimeTurn | undefined;
  readonly #answering = new Map<string, RealtimeTurn>();
  /** Reserved for the next turn. */
  #reserved: ExchangeId | undefined;
  /** The store is asked whether there may be another turn: until it says so, what the client sends waits. */
  #held: { bytes: Uint8Array<ArrayBuffer>; binary: boolean }[] | undefined;
  #heldBytes = 0;
  #transcriber = '';
  #pausedAtMs: number | undefined;
  #lastFrameAtMs: number;
  #leaving = false;
  #over = false;

  constructor(parts: RealtimeParts) {
    this.#parts = parts;
    this.#reserved = parts.id;
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
    if (this.#held === undefined && this.#asking === undefined && this.#reserved === undefined) this.#reserveNext();
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
    const turn = this.#turnOf(type, responseId, bytes);
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
    if (this.#answering.size === 0) this.#close(GOING_AWAY, 'the gateway is restarting');
  }

  checkDeadlines(nowMs: number): void {
    const { idle_ms } = this.#parts.arrival.world.timeouts;
    if (this.#pausedAtMs !== undefined && nowMs - this.#pausedAtMs > idle_ms) this.#close(CUT, '');
    else if (nowMs - this.#lastFrameAtMs > SOCKET_IDLE_MS) this.#close(NORMAL, 'idle');
  }

  // -- Inside -------------------------------------------------------------------------------------------------------

  #fromClient(bytes: Uint8Array<ArrayBuffer>, binary: boolean): void {
    const refused = binary ? undefined : this.#judge(bytes);
    if (refused !== undefined) {
      this.#say(refused);
      return;
    }
    const turn = (this.#asking ??= this.#open(this.#parts.model));
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

  /** What a message may not do: be read in two ways, or choose a model beyond the one that was asked for. */
  #judge(bytes: Uint8Array<ArrayBuffer>): Fault | undefined {
    const { arrival, endpoint, model, route } = this.#parts;
    const scanned = scanBody(endpoint.protocol.api, bytes);
    if (!scanned.ok) return scanned.fault;
    const read = readClientFrame(bytes, scanned.value);
    if (!read.ok) return read.fault;
    // Whose it is would be looked up, and nothing waits here.
    if (scanned.value.resources !== undefined)
      return { code: 'frame_refused', why: 'it names a file of the provider’s' };
    const { provider } = route;
    const allows = (id: string, name: string): readonly string[] | undefined => arrival.access.may(id, name);
    const names = [...scanned.value.otherModels, ...(scanned.value.model === undefined ? [] : [scanned.value.model])];
    for (const name of names) {
      if (name === model || name === route.model) continue;
      if (!mayName({ provider, name, providers: arrival.world.routing, allows }))
        return { code: 'model_unknown', model: name };
    }
    if (read.value.type !== 'session.update') return undefined;
    const session = objectOf(objectOf(parseJson(Buffer.from(bytes).toString('utf8')))['session']);
    const chosen = textOrNull(session['model']);
    if (chosen === null || chosen === model || chosen === route.model) return undefined;
    return { code: 'frame_refused', why: 'the model of a session is chosen as it is opened' };
  }

  /** The turn that a provider's message belongs to; undefined where it belongs to none. */
  #turnOf(type: string, responseId: string | undefined, bytes: Uint8Array): RealtimeTurn | undefined {
    switch (type) {
      case 'session.created':
      case 'session.updated':
        this.#transcriber = transcriberOf(jsonOf(bytes)) ?? this.#transcriber;
        return undefined;
      case TRANSCRIBED:
        return this.#open(this.#transcriber);
      case RESPONSE_CREATED:
        return this.#begun(responseOf(bytes));
      case RESPONSE_DONE: {
        const id = responseOf(bytes);
        const turn = this.#answering.get(id) ?? this.#begun(id);
        this.#answering.delete(id);
        return turn;
      }
      default:
        return (responseId === undefined ? undefined : this.#answering.get(responseId)) ?? this.#newest();
    }
  }

  #begun(responseId: string): RealtimeTurn {
    const turn = this.#asking ?? this.#open(this.#parts.model);
    this.#asking = undefined;
    if (this.#answering.size >= SOCKET_TURNS) this.#close(BROKEN, 'more responses at once than can be told apart');
    this.#answering.set(responseId, turn);
    return turn;
  }

  #newest(): RealtimeTurn | undefined {
    return [...this.#answering.values()].at(-1);
  }

  #open(model: string): RealtimeTurn {
    const { services, arrival, endpoint, route, keyId, quotas, subjects } = this.#parts;
    const reserved = model === this.#parts.model ? this.#reserved : undefined;
    if (reserved !== undefined) this.#reserved = undefined;
    const receivedAtMs = services.clock.nowMs();
    const id = reserved ?? mintExchangeId(receivedAtMs);
    const turnArrival = { ...arrival, receivedAtMs };
    const opened = openedFrame(turnArrival, endpoint, id, {
      stream: true,
      model,
      provider: route.provider.id,
      keyId,
      grantIds: route.grantIds,
      quotas,
    });
    opened.hooks = toldAfter(services, turnArrival, id, route);
    return new RealtimeTurn(services, opened, subjects, {
      refuse: (fault) => {
        this.refuse(fault);
      },
    });
  }

  #turnDone(): void {
    if (!this.#leaving || this.#answering.size > 0) return;
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
        this.#reserved = id;
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
    for (const turn of this.#answering.values()) turn.close(state, fault);
    this.#asking?.close(state, fault);
    this.#answering.clear();
    if (this.#reserved !== undefined) services.quotas.release(this.#reserved);
    this.#reserved = undefined;
  }
}

function atOnce(ready: () => void): void {
  ready();
}

function jsonOf(bytes: Uint8Array): JsonObject {
  return objectOf(parseJson(Buffer.from(bytes).toString('utf8')));
}

function responseOf(bytes: Uint8Array): string {
  return textOrNull(objectOf(jsonOf(bytes)['response'])['id']) ?? '';
}

/** The model that writes down what is said: charged by itself. In its place of today, or that of the beta. */
function transcriberOf(event: JsonObject): string | null {
  const session = objectOf(event['session']);
  const today = objectOf(objectOf(objectOf(session['audio'])['input'])['transcription']);
  return textOrNull(today['model']) ?? textOrNull(objectOf(session['input_audio_transcription'])['model']);
}
