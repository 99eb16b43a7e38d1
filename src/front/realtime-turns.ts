import type { Subject } from '../access/revocations.ts';
import type { Fault } from '../contract/fault.ts';
import { mintExchangeId } from '../contract/ids.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { SOCKET_TURNS } from '../contract/limits.ts';
import { objectOf, parseJson, textOrNull } from '../protocols/json.ts';
import type { JsonObject } from '../protocols/json.ts';
import { RESPONSE_CREATED, RESPONSE_DONE, TRANSCRIBED } from '../protocols/openai-realtime/session.ts';
import type { Route } from '../routing/plan.ts';
import { RealtimeTurn } from './realtime-turn.ts';
import { openedFrame } from './request-life.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';
import { toldAfter } from './rules.ts';
import type { FrontServices } from './services.ts';

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

export interface TurnsEvents {
  /** A turn must not go on, and the session with it. */
  refused(fault: Fault): void;
  /** More are under way than can be told apart. */
  tooMany(): void;
}

/** The turns of a Realtime session: which one a message belongs to, and what is reserved for the next. */
export class RealtimeTurns {
  readonly #parts: RealtimeParts;
  readonly #on: TurnsEvents;
  /** What the client sends belongs to it. */
  #asking: RealtimeTurn | undefined;
  readonly #answering = new Map<string, RealtimeTurn>();
  /** Reserved for the next turn. */
  #reserved: ExchangeId | undefined;
  #transcriber = '';

  constructor(parts: RealtimeParts, on: TurnsEvents) {
    this.#parts = parts;
    this.#on = on;
    this.#reserved = parts.id;
  }

  /** The provider is answering one of them. */
  get areUnderWay(): boolean {
    return this.#answering.size > 0;
  }

  /** What the client says next begins a turn for which nothing is reserved. */
  get needsReservation(): boolean {
    return this.#asking === undefined && this.#reserved === undefined;
  }

  reserved(id: ExchangeId): void {
    this.#reserved = id;
  }

  /** The turn that a client's message belongs to. */
  ofClient(): RealtimeTurn {
    return (this.#asking ??= this.#open(this.#parts.model));
  }

  /** The turn that a provider's message belongs to; undefined where it belongs to none. */
  ofProvider(type: string, responseId: string | undefined, bytes: Uint8Array): RealtimeTurn | undefined {
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

  /** Nothing more comes: what is open of the books is closed as it is. */
  end(state: 'aborted' | 'error', fault: Fault): void {
    for (const turn of this.#answering.values()) turn.close(state, fault);
    this.#asking?.close(state, fault);
    this.#answering.clear();
    if (this.#reserved !== undefined) this.#parts.services.quotas.release(this.#reserved);
    this.#reserved = undefined;
  }

  #begun(responseId: string): RealtimeTurn {
    const turn = this.#asking ?? this.#open(this.#parts.model);
    this.#asking = undefined;
    if (this.#answering.size >= SOCKET_TURNS) this.#on.tooMany();
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
        this.#on.refused(fault);
      },
    });
  }
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
