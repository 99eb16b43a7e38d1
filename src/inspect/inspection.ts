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
import { BatchSums } from './batch-sums.ts';
import { factsOf, sessionOfExchange } from './exchange-facts.ts';
import { RequestReading } from './request-reading.ts';
import { Steps } from './steps.ts';
import type { Prices } from './world-prices.ts';

/** Decoded bytes of one body that an inspector will read: far above any reply, far below what hurts. */
const DECODED_LIMIT_BYTES = 1024 * 1024 * 1024;

/** Results of a batch are read line by line, and nothing of them is kept. */
const DECODED_RESULTS_LIMIT_BYTES = 1024 * 1024 * 1024 * 1024;

/** Where the rules on a response stand between its bytes and their reader. */
export interface ResponseGate {
  open(status: number, headers: ReadonlyMap<string, string>): ResponseGuard;
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
  #refused = false;
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
    if (this.#untoldBytes > 0) this.#release({ kept: [], sent: undefined, refused: undefined });
  }

  async end(how: 'complete' | 'cut'): Promise<Result<Facts, Fault>> {
    await this.#steps.run(async () => {
      const ended = await this.#decoder?.end();
      if (ended !== undefined && !ended.ok) this.#undecodable(ended.fault);
      this.#endGuard(how);
    });
    await this.#steps.done();
    try {
      if (this.#bug !== undefined) return bugFault(this.#bug);
      const request = await this.#request.whole();
      const read = this.#reader?.end(how) ?? emptyResponseFacts();
      this.#made(read.response_id);
      for (const resource of read.made ?? []) this.#onMade(resource);
      return ok(this.#facts(read, request));
    } catch (error) {
      return bugFault(error);
    }
  }

  #endGuard(how: 'complete' | 'cut'): void {
    if (this.#gate === undefined || this.#refused) return;
    const guard = this.#guard;
    const last = guard?.end(how) ?? { kept: [], sent: undefined, refused: undefined };
    if (last.refused === undefined) this.#release(last, guard?.verdicts() ?? []);
    else this.#release(last);
  }

  /** What the guard let go, on its way to the client and to the reader. */
  #release(guarded: Released, verdicts?: Verdict[]): void {
    if (this.#gate === undefined || this.#refused) return;
    for (const bytes of guarded.kept) {
      this.#responseHash.update(bytes);
      this.#read(bytes);
    }
    this.#gate.release(guarded, this.#untoldBytes, verdicts);
    this.#untoldBytes = 0;
    if (guarded.refused !== undefined) this.#refuse(guarded.refused);
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
    this.#gate.refuse(fault, this.#guard?.verdicts() ?? []);
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
    this.#guard = this.#gate?.open(status, headers);
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

  #facts(read: ResponseFacts, request: RequestFacts): Facts {
    const facts = factsOf(
      {
        opened: this.#opened,
        protocol: this.#protocol,
        request,
        response: this.#withDecodeFault(read),
        promptBytes: this.#request.promptBytes,
        requestSha256: this.#request.sha256(),
        responseSha256: this.#responseHash.digest('hex'),
      },
      this.#prices,
    );
    if (this.#guard !== undefined) facts.verdicts = this.#guard.verdicts();
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
