import type { Fault } from '../contract/fault.ts';
import { answerTo } from '../contract/fault.ts';
import { mintExchangeId } from '../contract/ids.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { CLIENT_UNSENT_BYTES, SOCKET_IDLE_MS, SOCKET_TURNS, SOCKET_UNSENT_BYTES } from '../contract/limits.ts';
import { BROKEN, CUT, GOING_AWAY, NORMAL, REFUSED, TRY_AGAIN } from '../lib/close-frame.ts';
import { failed } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { BodyFields } from '../contract/messages.ts';
import { shapeFault } from '../protocols/fault-shapes.ts';
import { CREATE, readClientFrame } from '../protocols/openai-responses/frame.ts';
import type { ClientFrame } from '../protocols/openai-responses/frame.ts';
import type { TurnSockets } from '../proxy/turn-sockets.ts';
import type { Watched } from '../proxy/watchdog.ts';
import type { OpenSocket } from './client-sockets.ts';
import { faultOf } from './faults.ts';
import { requestLife } from './request-life.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';
import { scan } from './scan-body.ts';
import type { FrontServices } from './services.ts';
import type { Admitted, AdmitAgain, SocketEndpoint } from './socket-door.ts';
import type { ClientRequest, ClientWebSocket, WebSocketEvents } from './socket.ts';
import { TurnResponse, named } from './turn-response.ts';

export interface TurnsSocketParts {
  services: FrontServices;
  /** Of the upgrade. */
  arrival: Arrival;
  endpoint: SocketEndpoint;
  id: ExchangeId;
  again: AdmitAgain;
}

/** Frames beside `response.create` that change a turn under way, and name no model. */
const STEERING: ReadonlySet<string> = new Set(['response.steer']);

/**
 * A client's WebSocket on which each `response.create` is a turn, and each turn an exchange like that of a POST: judged,
 * charged, journaled and recorded by itself. The provider's sockets behind it are opened as turns need them.
 */
export class TurnsSocket implements WebSocketEvents, OpenSocket, Watched {
  readonly #parts: TurnsSocketParts;
  readonly #turns = new Set<TurnResponse>();
  readonly #upstreams: TurnSockets;
  readonly #request: ClientRequest;
  readonly #turnEndpoint: ExchangeEndpoint;
  #socket: ClientWebSocket | undefined;
  /** Frames are judged one after the other. */
  #judging: Promise<void> = Promise.resolve();
  /** Turns between their frame and their exchange. */
  #unjudgedBytes = 0;
  /** What the provider said while no turn ran there, behind turns that still end here. */
  #notes: string[] = [];
  #noteBytes = 0;
  #lastFrameAtMs: number;
  /** How it is closed as soon as no turn runs on it. */
  #closing: { code: number; reason: string } | undefined;
  #over = false;

  constructor(parts: TurnsSocketParts) {
    const { services, arrival, endpoint } = parts;
    this.#parts = parts;
    this.#lastFrameAtMs = services.clock.nowMs();
    this.#request = ofATurn(arrival.request);
    const { protocol, upstreamPath } = endpoint;
    this.#turnEndpoint = { kind: 'exchange', protocol, dialect: 'openai_socket', modelIn: 'body', upstreamPath };
    this.#upstreams = services.turnSockets({
      onFrame: (type, bytes) => {
        this.#betweenTurns(type, bytes);
      },
      onClosed: (code, reason, { turns, others }) => {
        // One of several that was idle is not missed.
        if (turns > 0 || others === 0) this.#closeAfterTurns(code, reason);
      },
      onRefused: (status) => {
        this.#closeAfterTurns(BROKEN, `the provider refused the WebSocket with ${status}`);
      },
    });
  }

  get unsentBytes(): number {
    return this.#socket?.unsentBytes ?? 0;
  }

  opened(socket: ClientWebSocket): void {
    this.#socket = socket;
    this.#parts.services.watchdog.add(this);
  }

  // -- The client ---------------------------------------------------------------------------------------------------

  message(bytes: Uint8Array<ArrayBuffer>, binary: boolean): void {
    const { services, arrival } = this.#parts;
    if (this.#over || this.#closing?.code === REFUSED) return;
    this.#lastFrameAtMs = services.clock.nowMs();
    if (this.#unjudgedBytes > arrival.world.limits.body_bytes) {
      this.#close(TRY_AGAIN, 'more messages than can be judged');
      return;
    }
    this.#unjudgedBytes += bytes.byteLength;
    const size = bytes.byteLength;
    this.#judging = this.#judging
      .then(() => this.#judge(bytes, binary))
      .catch((error: unknown) => {
        this.#say(faultOf(services.log, error, this.#parts.id), undefined);
      })
      .finally(() => {
        this.#unjudgedBytes -= size;
      });
  }

  drained(): void {
    for (const turn of [...this.#turns]) turn.drained();
  }

  closed(code: number, reason: string): void {
    if (this.#over) return;
    this.#over = true;
    const { services, id } = this.#parts;
    services.watchdog.remove(this);
    services.sockets.remove(id);
    // The provider hears the client's own goodbye, before its turns are aborted one by one.
    this.#upstreams.close(code, reason);
    for (const turn of [...this.#turns]) turn.leave();
    this.#turns.clear();
  }

  // -- The house ----------------------------------------------------------------------------------------------------

  refuse(fault: Fault): void {
    if (this.#over) return;
    if (this.#turns.size === 0) this.#say(fault, undefined);
    this.#closeAfterTurns(REFUSED, answerTo(fault).message);
  }

  dismiss(): void {
    this.#closeAfterTurns(GOING_AWAY, 'the gateway is restarting');
  }

  checkDeadlines(nowMs: number): void {
    if (this.#turns.size > 0) this.#lastFrameAtMs = nowMs;
    else if (nowMs - this.#lastFrameAtMs > SOCKET_IDLE_MS) this.#close(NORMAL, 'idle');
  }

  // -- Inside -------------------------------------------------------------------------------------------------------

  async #judge(bytes: Uint8Array<ArrayBuffer>, binary: boolean): Promise<void> {
    if (this.#over) return;
    if (binary) {
      this.#say({ code: 'frame_refused', why: 'messages here are text' }, undefined);
      return;
    }
    const { services, endpoint } = this.#parts;
    if (!services.budget.admits(bytes.byteLength)) {
      this.#say({ code: 'overloaded', what: 'bytes in flight', limit: services.budget.limitBytes }, undefined);
      return;
    }
    const scanned = await scan(services.inspectors, endpoint.protocol.api, bytes);
    if (!scanned.ok) {
      this.#say(scanned.fault, undefined);
      return;
    }
    const { body, fields } = scanned.value;
    const read = readClientFrame(body, fields);
    if (!read.ok) {
      this.#say(read.fault, undefined);
      return;
    }
    const frame = read.value;
    const admitted = await this.#admitted();
    if (this.#isOver()) return;
    if (!admitted.ok) {
      this.#say(admitted.fault, frame.streamId);
      this.#closeAfterTurns(REFUSED, answerTo(admitted.fault).message);
      return;
    }
    if (frame.type === CREATE) this.#turn(frame, admitted.value);
    else this.#steer(frame, body, fields, admitted.value);
  }

  /** A call of its own: the compiler does not know that it may be over after a wait. */
  #isOver(): boolean {
    return this.#over;
  }

  /** Who is there, and what holds: asked anew for each turn, as a POST would. */
  async #admitted(): Promise<Result<Admitted, Fault>> {
    const admitted = await this.#parts.again();
    if (!admitted.ok) return admitted;
    const { caller } = this.#parts.arrival;
    if (admitted.value.caller.login === caller.login) return admitted;
    return failed({ code: 'no_identity', why: 'the connection is somebody else now' });
  }

  #turn({ body, streamId }: ClientFrame, { world, caller, access }: Admitted): void {
    const { services, id } = this.#parts;
    const socket = this.#socket;
    const fault = this.#noTurn(streamId);
    if (fault !== undefined || socket === undefined) {
      this.#say(fault ?? { code: 'client_gone' }, streamId);
      return;
    }
    const response = new TurnResponse({
      socket,
      body,
      streamId,
      onOver: (turn, how) => {
        this.#turnOver(turn, how);
      },
    });
    this.#turns.add(response);
    const receivedAtMs = services.clock.nowMs();
    const arrival: Arrival = { world, receivedAtMs, request: this.#request, response, caller, access };
    const upstreams = this.#upstreams.turn(streamId);
    requestLife({ ...services, upstreams }, arrival, this.#turnEndpoint).catch((error: unknown) => {
      const fault = shapeFault('openai_socket', faultOf(services.log, error, id), id);
      response.send(fault.status, fault.headers, fault.body);
    });
  }

  /** Why no turn may begin now. */
  #noTurn(streamId: string | undefined): Fault | undefined {
    if (this.#closing !== undefined) return { code: 'draining' };
    if (this.#turns.size >= SOCKET_TURNS) {
      return { code: 'overloaded', what: 'turns of one WebSocket', limit: SOCKET_TURNS };
    }
    const running = streamId !== undefined && [...this.#turns].some((turn) => turn.streamId === streamId);
    return running ? { code: 'frame_refused', why: 'a turn with this stream_id is under way' } : undefined;
  }

  /** What changes a turn under way goes where the turn is, unless rules would have had a say in it. */
  #steer({ type, streamId }: ClientFrame, bytes: Uint8Array, fields: BodyFields, { world }: Admitted): void {
    const refusal = STEERING.has(type) ? whyNotPassed(fields, world.rules !== undefined) : 'its type is unknown here';
    if (refusal !== undefined) {
      this.#say({ code: 'frame_refused', why: refusal }, streamId);
      return;
    }
    if (this.#upstreams.unsentBytes > CLIENT_UNSENT_BYTES) {
      this.#say({ code: 'overloaded', what: 'bytes unsent to the provider', limit: CLIENT_UNSENT_BYTES }, streamId);
      return;
    }
    if (!this.#upstreams.send(bytes, streamId)) {
      this.#say({ code: 'frame_refused', why: 'no turn is under way that it could belong to' }, streamId);
    }
  }

  /** What the provider says while no turn runs is passed on, but where rules would have to look at it first. */
  #betweenTurns(type: string, bytes: Uint8Array): void {
    const { services } = this.#parts;
    if (this.#over || (type !== 'error' && services.worlds.current.rules !== undefined)) return;
    const text = Buffer.from(bytes).toString('utf8');
    if (this.#turns.size === 0) {
      this.#send(text);
      return;
    }
    // Not before what it came behind, which is in the journal's hands.
    this.#notes.push(text);
    this.#noteBytes += bytes.byteLength;
    if (this.#noteBytes > SOCKET_UNSENT_BYTES) this.#close(TRY_AGAIN, 'the provider says more than can be passed on');
  }

  #say(fault: Fault, streamId: string | undefined): void {
    if (this.#over) return;
    const { services } = this.#parts;
    services.metrics.refused(fault.code);
    const { body } = shapeFault('openai_socket', fault, mintExchangeId(services.clock.nowMs()));
    this.#send(named(body, streamId));
  }

  /** Beside turns, which have their own way with a client that is slow. */
  #send(text: string): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (socket.unsentBytes > SOCKET_UNSENT_BYTES) this.#close(REFUSED, 'messages are not read');
    else socket.send(text, false);
  }

  #turnOver(turn: TurnResponse, how: 'ended' | 'broken'): void {
    this.#turns.delete(turn);
    this.#lastFrameAtMs = this.#parts.services.clock.nowMs();
    // A client that does not read cannot be told anything; else nobody may take what it has for the whole.
    if (how === 'broken' && this.#closing === undefined) {
      this.#closing =
        this.unsentBytes > 0 ? { code: CUT, reason: '' } : { code: BROKEN, reason: 'a response broke off' };
    }
    if (this.#turns.size > 0) return;
    for (const note of this.#notes.splice(0)) this.#send(note);
    this.#noteBytes = 0;
    if (this.#closing !== undefined) this.#close(this.#closing.code, this.#closing.reason);
  }

  #closeAfterTurns(code: number, reason: string): void {
    this.#closing ??= { code, reason };
    if (this.#turns.size === 0) this.#close(this.#closing.code, this.#closing.reason);
  }

  #close(code: number, reason: string): void {
    if (!this.#over) this.#socket?.close(code, reason);
  }
}

/** The upgrade's request as the request of each turn: without what speaks of a body that it did not have. */
function ofATurn(request: ClientRequest): ClientRequest {
  const { method, path, query, remoteAddress } = request;
  const headers = request.headers.filter(([name]) => !OF_A_BODY.has(name));
  return {
    method,
    path,
    query,
    remoteAddress,
    headers,
    header: (name) => headers.find((each) => each[0] === name)?.[1],
  };
}

const OF_A_BODY: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-length',
  'content-type',
  'transfer-encoding',
  'expect',
]);

/** No frame beside `response.create` may choose a model, or continue something. */
function whyNotPassed(fields: BodyFields, rules: boolean): string | undefined {
  if (rules) return 'rules cannot judge it';
  const chooses = fields.model !== undefined || fields.otherModels.length > 0;
  const continues = ['previous_response_id', 'conversation', 'prompt', 'tools'].some((key) => key in fields.spans);
  const names = fields.resources !== undefined;
  if (!chooses && !continues && !names) return undefined;
  return 'only response.create may name a model, tools, an earlier response or a file';
}
