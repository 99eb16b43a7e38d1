import { createHash } from 'node:crypto';
import type { Opened } from '../contract/exchange.ts';
import type { Facts, RequestFacts, ResponseFacts } from '../contract/facts.ts';
import type { Fault } from '../contract/fault.ts';
import { answerTo } from '../contract/fault.ts';
import type { Verdict } from '../contract/guardrail.ts';
import { RESPONSE_ID_CHARS } from '../contract/holding.ts';
import type { InspectMode } from '../contract/messages.ts';
import type { NamedResource } from '../contract/resource.ts';
import type { Released, ResponseGuard } from '../guardrails/response/guard.ts';
import { errorChain } from '../lib/log.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { openBatchResults } from '../protocols/batches/results.ts';
import type { BatchReader } from '../protocols/batches/results.ts';
import { createDecoder } from '../protocols/decode.ts';
import type { Decoder } from '../protocols/decode.ts';
import { emptyResponseFacts } from '../protocols/facts.ts';
import type { Protocol, ResponseReader } from '../protocols/protocol.ts';
import { protocolFor } from '../protocols/registry.ts';
import { AskedAnswer, callCostOf } from './asked-answer.ts';
import type { ToldOfExchange } from './asked-answer.ts';
import { BatchSums } from './batch-sums.ts';
import { factsOf, sessionOfExchange } from './exchange-facts.ts';
import { RequestReading } from './request-reading.ts';
import type { AnswerHead, AnswerHooks, WholeAnswer } from './rules.ts';
import { Steps } from './steps.ts';
import type { Prices } from './world-prices.ts';

/** Decoded bytes of one body that an inspector will read: far above any reply, far below what hurts. */
const DECODED_LIMIT_BYTES = 1024 * 1024 * 1024;

/** Results of a batch are read line by line, and nothing of them is kept. */
const DECODED_RESULTS_LIMIT_BYTES = 1024 * 1024 * 1024 * 1024;

const NOTHING: Released = { kept: [], sent: undefined, refused: undefined };

/** Where the rules on a response stand between its bytes and their reader. */
export interface ResponseGate {
  open(head: AnswerHead): ResponseGuard;
  /** Hooks outside are asked about the whole of it, and it waits for that. */
  asking: { told: ToldOfExchange; open(head: AnswerHead): AnswerHooks } | undefined;
  release(guarded: Released, takenBytes: number, verdicts: Verdict[] | undefined): void;
  refuse(fault: Fault, verdicts: Verdict[]): void;
}

/** One exchange inside an inspector: bytes in, facts out. Steps run in order, at once unless a decoder is at work. */
export class Inspection {
  readonly mode: InspectMode;
  readonly #opened: Opened;
  readonly #prices: Prices;
  readonly #protocol: Protocol;
  readonly #request: RequestReading;
  readonly #responseHash = createHash('sha256');
  #reader: ResponseReader | undefined;
  #decoder: Decoder | undefined;
  #decodeFault: Fault | undefined;
  #bug: unknown;
  readonly #steps = new Steps((error) => {
    this.#broken(error);
  });
  readonly #gate: ResponseGate | undefined;
  #guard: ResponseGuard | undefined;
  /** Where hooks are asked about the answer. */
  #asked: AskedAnswer | undefined;
  /** What the reader said, where it was asked before the end of all. */
  #answered: ResponseFacts | undefined;
  #refused = false;
  /** The request as it was sent, where a hook is told of it when the answer is whole. */
  #sent: Uint8Array[] = [];
  /** Bytes that came and that no release has told of. */
  #untoldBytes = 0;
  readonly #onMade: (resource: NamedResource) => void;
  /** The response can be asked for again, and its id was not told yet. */
  #isToBeTold: boolean;
  /** Of an exchange that reads the results of a batch. */
  #batch: { reader: BatchReader; sums: BatchSums } | undefined;

  constructor(
    opened: Opened,
    mode: InspectMode,
    prices: Prices,
    gate: ResponseGate | undefined,
    onMade: (resource: NamedResource) => void,
  ) {
    this.mode = mode;
    this.#gate = gate;
    this.#opened = opened;
    this.#prices = prices;
    this.#protocol = protocolFor(opened.api);
    this.#request = new RequestReading(opened, this.#protocol, DECODED_LIMIT_BYTES);
    this.#onMade = onMade;
    this.#isToBeTold = this.#protocol.stores === true;
  }

  request(bytes: Uint8Array): Promise<void> | undefined {
    this.#request.push(bytes);
    if (this.#gate === undefined) return undefined;
    if (this.#gate.asking?.told.request === true) this.#sent.push(bytes);
    // A live request comes in one piece: it is read while the provider thinks, and not while the client waits.
    return this.#steps.run(async () => {
      await this.#request.whole();
    });
  }

  head(status: number, headers: [string, string][]): Promise<void> | undefined {
    return this.#steps.run(async () => {
      const request = await this.#request.whole();
      this.#openResponse(status, new Map(headers), request);
    });
  }

  response(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#gate === undefined) this.#responseHash.update(bytes);
    else this.#untoldBytes += bytes.byteLength;
    return this.#steps.run(() => {
      const pushed = this.#decoder?.push(bytes);
      if (this.#gate === undefined) return pushed;
      if (pushed === undefined) this.#tell();
      return pushed?.then(() => {
        this.#tell();
      });
    });
  }

  /** What was taken in and led to no release is told too: more may come for it. */
  #tell(): void {
    if (this.#untoldBytes > 0) this.#release(NOTHING);
  }

  async end(how: 'complete' | 'cut'): Promise<Result<Facts, Fault>> {
    await this.#steps.run(async () => {
      const ended = await this.#decoder?.end();
      if (ended !== undefined && !ended.ok) this.#undecodable(ended.fault);
      await this.#endGuard(how);
    });
    await this.#steps.done();
    try {
      if (this.#bug !== undefined) return bugFault(this.#bug);
      const request = await this.#request.whole();
      const read = this.#answered ?? this.#reader?.end(how) ?? emptyResponseFacts();
      this.#made(read.response_id);
      for (const resource of read.made ?? []) this.#onMade(resource);
      return ok(this.#facts(read, request));
    } catch (error) {
      return bugFault(error);
    }
  }

  async #endGuard(how: 'complete' | 'cut'): Promise<void> {
    if (this.#gate === undefined || this.#refused) return;
    const last = this.#guard?.end(how) ?? NOTHING;
    if (last.refused !== undefined || this.#asked === undefined) {
      this.#release(last, last.refused === undefined ? this.#verdicts() : undefined);
      return;
    }
    this.#release(last);
    const judged = await this.#asked.end(how);
    this.#letGo(judged, judged.refused === undefined ? this.#verdicts() : undefined);
  }

  #verdicts(): Verdict[] {
    return [...(this.#guard?.verdicts() ?? []), ...(this.#asked?.verdicts ?? [])];
  }

  /** What the guard let go, on its way to the reader and, unless it is held, to the client. */
  #release(guarded: Released, verdicts?: Verdict[]): void {
    if (this.#gate === undefined || this.#refused) return;
    for (const bytes of guarded.kept) this.#read(bytes);
    this.#letGo(this.#asked === undefined ? guarded : this.#asked.take(guarded), verdicts);
  }

  #letGo(released: Released, verdicts?: Verdict[]): void {
    if (this.#gate === undefined || this.#refused) return;
    for (const bytes of released.kept) this.#responseHash.update(bytes);
    this.#gate.release(released, this.#untoldBytes, verdicts);
    this.#untoldBytes = 0;
    if (released.refused !== undefined) this.#refuse(released.refused);
  }

  /** The client has left an answer that is whole: nobody need be asked about it any more. */
  abandon(): void {
    this.#asked?.leave();
  }

  /** No more of the answer may be held: what came of it goes on, or it is refused, as the hooks' settings say. */
  giveUpHolding(why: string): void {
    void this.#steps.run(() => {
      const asked = this.#asked;
      if (asked !== undefined) this.#letGo(asked.giveUp(why));
      return undefined;
    });
  }

  #read(bytes: Uint8Array): void {
    this.#reader?.push(bytes);
    if (this.#isToBeTold) this.#made(this.#reader?.responseId?.() ?? null);
  }

  /** A bug of ours. Where rules decide, the client must not wait for the end to be told. */
  #broken(error: unknown): void {
    this.#bug ??= error;
    this.#refuse({ code: 'inspector_failed', why: errorChain(error) });
  }

  #refuse(fault: Fault): void {
    if (this.#gate === undefined || this.#refused) return;
    this.#refused = true;
    this.#asked?.leave();
    this.#gate.refuse(fault, this.#verdicts());
  }

  /** As far as the request has come. */
  async session(): Promise<string> {
    return sessionOfExchange(this.#opened, await this.#request.soFar()).base;
  }

  #made(responseId: string | null): void {
    if (!this.#isToBeTold || responseId === null || responseId.length > RESPONSE_ID_CHARS) return;
    this.#onMade({ kind: 'response', id: responseId });
    this.#isToBeTold = false;
  }

  #openResponse(status: number, headers: ReadonlyMap<string, string>, request: RequestFacts): void {
    this.#reader = this.#openResults(status, headers) ?? this.#protocol.openResponse({ status, headers }, request);
    this.#guard = this.#gate?.open({ status, headers });
    this.#openAsked({ status, headers });
    const decoder = createDecoder(headers.get('content-encoding'), {
      limitBytes: this.#batch === undefined ? DECODED_LIMIT_BYTES : DECODED_RESULTS_LIMIT_BYTES,
      onBytes: (bytes) => {
        if (this.#guard === undefined) this.#read(bytes);
        else if (!this.#refused) this.#release(this.#guard.push(bytes));
      },
    });
    if (decoder.ok) this.#decoder = decoder.value;
    else this.#undecodable(decoder.fault);
  }

  #openAsked(head: AnswerHead): void {
    const guard = this.#guard;
    const asking = this.#gate?.asking;
    if (guard === undefined || asking === undefined) return;
    this.#asked = new AskedAnswer(asking.open(head), {
      isStream: this.#opened.stream,
      restored: (body) => guard.restored(body),
      onLate: (why) => {
        this.giveUpHolding(why);
      },
      exchange: () => this.#toldOfExchange(asking.told),
    });
  }

  async #toldOfExchange(told: ToldOfExchange): Promise<Omit<WholeAnswer, 'body'>> {
    const request = await this.#request.whole();
    this.#answered = this.#reader?.end('complete') ?? emptyResponseFacts();
    const facts = this.#priced(this.#answered, request, { request: '', response: '' });
    const sent = Buffer.concat(this.#sent);
    this.#sent = [];
    return { request: sent, session: facts.session.base, cost: told.cost ? callCostOf(facts) : undefined };
  }

  #openResults(status: number, headers: ReadonlyMap<string, string>): ResponseReader | undefined {
    const { results, api, provider } = this.#opened;
    if (results === undefined) return undefined;
    const sums = new BatchSums(results, { ...this.#prices, provider });
    const reader = openBatchResults(api, { status, headers }, (line) => {
      sums.add(line);
    });
    if (reader !== undefined) this.#batch = { reader, sums };
    return reader;
  }

  /** What rules cannot read does not go out. */
  #undecodable(fault: Fault): void {
    this.#decodeFault = fault;
    this.#refuse({ code: 'upstream_invalid', provider: this.#opened.provider, why: answerTo(fault).message });
  }

  #withDecodeFault(facts: ResponseFacts): ResponseFacts {
    if (this.#decodeFault === undefined || facts.error !== null) return facts;
    const { code } = this.#decodeFault;
    return { ...facts, complete: false, error: { where: 'decode', type: null, code, message: null } };
  }

  #priced(read: ResponseFacts, request: RequestFacts, sha256: { request: string; response: string }): Facts {
    return factsOf(
      {
        opened: this.#opened,
        protocol: this.#protocol,
        request,
        response: this.#withDecodeFault(read),
        promptBytes: this.#request.promptBytes,
        requestSha256: sha256.request,
        responseSha256: sha256.response,
      },
      this.#prices,
    );
  }

  #facts(read: ResponseFacts, request: RequestFacts): Facts {
    const shown = this.#asked?.shown(read) ?? read;
    const sha256 = { request: this.#request.sha256(), response: this.#responseHash.digest('hex') };
    const facts = this.#priced(shown, request, sha256);
    if (this.#guard !== undefined) facts.verdicts = this.#verdicts();
    const batch = this.#batch;
    // Only what was read to its end is told: a part of it could not be told from the rest the next time.
    if (batch?.reader.whole === true && facts.response.complete) facts.batch_usage = batch.sums.usage();
    return facts;
  }
}

/** What a bug of ours is to the main thread: the exchange is booked without facts. */
export function bugFault(error: unknown): Result<never, Fault> {
  return failed({ code: 'inspector_failed', why: errorChain(error) });
}
