import { createHash } from 'node:crypto';
import type { Opened } from '../contract/exchange.ts';
import type { Facts, RequestFacts, ResponseFacts, SessionFacts } from '../contract/facts.ts';
import type { Fault } from '../contract/fault.ts';
import { answerTo } from '../contract/fault.ts';
import type { Deciding, Verdict } from '../contract/guardrail.ts';
import { RESPONSE_ID_CHARS } from '../contract/holding.ts';
import type { NamedResource } from '../contract/resource.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { FromInspector, InspectMode, PricingSlice, ToInspector } from '../contract/messages.ts';
import type { Released, ResponseGuard } from '../guardrails/response/guard.ts';
import { joined } from '../lib/joined.ts';
import { errorChain } from '../lib/log.ts';
import { failed, ok, unreachable } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { costOf, termsOf } from '../pricing/cost.ts';
import { tableOf } from '../pricing/overrides.ts';
import type { PriceTable } from '../pricing/table.ts';
import { openBatchResults } from '../protocols/batches/results.ts';
import type { BatchReader } from '../protocols/batches/results.ts';
import { scanBody } from '../protocols/body-scan.ts';
import { createDecoder, decodeWhole } from '../protocols/decode.ts';
import type { Decoder } from '../protocols/decode.ts';
import { emptyResponseFacts } from '../protocols/facts.ts';
import { scanForm } from '../protocols/form-scan.ts';
import type { Protocol, ResponseReader } from '../protocols/protocol.ts';
import { protocolFor } from '../protocols/registry.ts';
import { BatchSums } from './batch-sums.ts';
import { withEstimate } from './estimate.ts';
import { tellLate } from './late-usage.ts';
import type { Rules } from './rules.ts';
import { sessionOf } from './session.ts';

/** Decoded bytes of one body that an inspector will read: far above any reply, far below what hurts. */
const DECODED_LIMIT_BYTES = 1024 * 1024 * 1024;

/** Results of a batch are read line by line, and nothing of them is kept. */
const DECODED_RESULTS_LIMIT_BYTES = 1024 * 1024 * 1024 * 1024;

/** Worlds remembered: exchanges in flight belong to older ones, and a stream rarely outlives a few saves. */
const WORLDS_KEPT = 16;

/** What a world prices with. */
interface Prices {
  slice: PricingSlice;
  /** The built-in table behind the operator's own prices: made once per world. */
  table: PriceTable;
}

/** The exchanges of one inspector thread. */
export class Inspector {
  readonly #table: PriceTable;
  readonly #post: (message: FromInspector) => void;
  readonly #inspections = new Map<ExchangeId, Inspection>();
  readonly #worlds = new Map<number, Prices>();
  #revokedSessions: ReadonlySet<string> = new Set();
  readonly #rules: Rules | undefined;

  constructor(table: PriceTable, post: (message: FromInspector) => void, rules?: Rules) {
    this.#table = table;
    this.#post = post;
    this.#rules = rules;
  }

  take(message: ToInspector): void {
    switch (message.kind) {
      case 'world':
        this.#addWorld(message.world, message.pricing);
        if (message.rules !== undefined) this.#rules?.setWorld(message.world, message.rules);
        return;
      case 'open':
        this.#open(message);
        return;
      case 'request':
      case 'bytes': {
        const { bytes, exchange, kind } = message;
        const inspection = this.#inspections.get(exchange);
        const taken = kind === 'request' ? inspection?.request(bytes) : inspection?.response(bytes);
        if (kind === 'request') void this.#judgeSession(exchange, inspection);
        // Credit comes back once the bytes are digested, so that what a slow decoder holds is bounded too.
        if (taken === undefined) this.#post({ kind: 'credit', bytes: bytes.byteLength });
        else
          void taken.then(() => {
            this.#post({ kind: 'credit', bytes: bytes.byteLength });
          });
        return;
      }
      case 'head':
        void this.#inspections.get(message.exchange)?.head(message.status, message.headers);
        return;
      case 'end':
        void this.#end(message.exchange, message.how);
        return;
      case 'drop':
        this.#inspections.delete(message.exchange);
        return;
      case 'revoked_sessions':
        this.#revokedSessions = new Set(message.sessions);
        for (const [exchange, inspection] of this.#inspections) void this.#judgeSession(exchange, inspection);
        return;
      case 'scan':
        this.#scan(message);
        return;
      case 'decide':
        void this.#decide(message);
        return;
      case 'ping':
        this.#post({ kind: 'pong' });
        return;
      default:
        return unreachable(message);
    }
  }

  #open({ opened, mode, deciding }: Extract<ToInspector, { kind: 'open' }>): void {
    const { login, provider, model, key_id: keyId } = opened;
    const gate = deciding === undefined ? undefined : this.#gate(opened, deciding);
    const inspection = new Inspection(opened, mode, this.#pricesOf(opened.world), gate, (resource) => {
      const holding = { login, provider, model };
      this.#post({ kind: 'made', resource, holding: resource.kind === 'response' ? holding : { ...holding, keyId } });
    });
    this.#inspections.set(opened.id, inspection);
  }

  #gate(opened: Opened, deciding: Deciding): Gate {
    return {
      open: (status, headers) => {
        if (this.#rules === undefined) throw new Error('this thread runs no rules');
        return this.#rules.guard(opened, deciding, { status, headers });
      },
      release: ({ kept, sent }, takenBytes, verdicts) => {
        this.#post({
          kind: 'release',
          exchange: opened.id,
          // Copies: who reads them may keep what it was given, and what is posted is given away.
          kept: joined(kept),
          ...(sent === undefined ? {} : { sent: joined(sent) }),
          takenBytes,
          ...(verdicts === undefined ? {} : { verdicts }),
        });
      },
      refuse: (fault, verdicts) => {
        this.#post({ kind: 'refuse', exchange: opened.id, fault, verdicts });
      },
    };
  }

  /** Answered whatever happens: the caller waits. */
  async #decide(message: Extract<ToInspector, { kind: 'decide' }>): Promise<void> {
    const { ask, body } = message;
    try {
      if (this.#rules === undefined) throw new Error('this thread runs no rules');
      const judged = await this.#rules.judge(message, () => sessionOfRequest(message));
      this.#post({ kind: 'decided', ask, body: judged.body, outcome: ok(judged.decided) });
    } catch (error) {
      this.#post({ kind: 'decided', ask, body, outcome: bugFault(error) });
    }
  }

  async #end(exchange: Opened['id'], how: 'complete' | 'cut'): Promise<void> {
    const inspection = this.#inspections.get(exchange);
    if (inspection === undefined) return;
    this.#inspections.delete(exchange);
    this.#post({ kind: 'inspected', exchange, outcome: await inspection.end(how) });
  }

  /** Reports a running exchange whose session is revoked. Costs nothing while none is; its request comes in one piece. */
  async #judgeSession(exchange: ExchangeId, inspection: Inspection | undefined): Promise<void> {
    if (this.#revokedSessions.size === 0 || inspection === undefined || inspection.mode === 'reread') return;
    const session = await inspection.session().catch(() => {
      // A bug of ours in reading the request: the inspection's end meets it again, and reports it.
      return undefined;
    });
    if (session !== undefined && this.#revokedSessions.has(session)) {
      this.#post({ kind: 'session_revoked', exchange, session });
    }
  }

  #scan({ ask, api, body, form }: Extract<ToInspector, { kind: 'scan' }>): void {
    const outcome = form === undefined ? scanBody(api, body) : scanForm(form, body);
    this.#post({ kind: 'scanned', ask, body, outcome });
  }

  #addWorld(world: number, pricing: PricingSlice): void {
    this.#worlds.set(world, { slice: pricing, table: tableOf(this.#table, pricing) });
    const [oldest] = this.#worlds.keys();
    if (this.#worlds.size > WORLDS_KEPT && oldest !== undefined) this.#worlds.delete(oldest);
  }

  /** A replayed exchange belongs to a world of a process that is gone: the newest prices are the best there are. */
  #pricesOf(world: number): Prices {
    const none = { slice: { autoCostBasis: true, prices: [], providers: {} }, table: this.#table };
    return this.#worlds.get(world) ?? [...this.#worlds.values()].at(-1) ?? none;
  }
}

function sessionOfRequest({ api, method, headers, facts, body }: Extract<ToInspector, { kind: 'decide' }>): string {
  const request = protocolFor(api).readRequest({
    method,
    path: facts.path,
    query: '',
    headers: new Map(headers),
    body,
  });
  return sessionOf({ request, headers, login: facts.login, nodeId: facts.nodeId, api }).base;
}

/** Where the rules on a response stand between its bytes and their reader. */
interface Gate {
  open(status: number, headers: ReadonlyMap<string, string>): ResponseGuard;
  release(guarded: Released, takenBytes: number, verdicts: Verdict[] | undefined): void;
  refuse(fault: Fault, verdicts: Verdict[]): void;
}

/** One exchange inside an inspector: bytes in, facts out. Steps run in order, at once unless a decoder is at work. */
class Inspection {
  readonly mode: InspectMode;
  readonly #opened: Opened;
  readonly #prices: Prices;
  readonly #protocol: Protocol;
  readonly #requestHash = createHash('sha256');
  readonly #responseHash = createHash('sha256');
  #requestChunks: Uint8Array[] = [];
  #requestFacts: RequestFacts | undefined;
  #promptBytes = 0;
  #reader: ResponseReader | undefined;
  #decoder: Decoder | undefined;
  #decodeFault: Fault | undefined;
  #bug: unknown;
  #tail: Promise<void> | undefined;
  readonly #gate: Gate | undefined;
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
    gate: Gate | undefined,
    onMade: (resource: NamedResource) => void,
  ) {
    this.mode = mode;
    this.#gate = gate;
    this.#opened = opened;
    this.#prices = prices;
    this.#protocol = protocolFor(opened.api);
    this.#onMade = onMade;
    this.#isToBeTold = this.#protocol.stores === true;
  }

  request(bytes: Uint8Array): Promise<void> | undefined {
    this.#requestHash.update(bytes);
    this.#requestChunks.push(bytes);
    if (this.#gate === undefined) return undefined;
    // A live request comes in one piece: it is read while the provider thinks, and not while the client waits.
    return this.#step(async () => {
      await this.#readRequest();
    });
  }

  head(status: number, headers: [string, string][]): Promise<void> | undefined {
    return this.#step(async () => {
      const request = await this.#readRequest();
      this.#openResponse(status, new Map(headers), request);
    });
  }

  response(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#gate === undefined) this.#responseHash.update(bytes);
    else this.#untoldBytes += bytes.byteLength;
    return this.#step(() => {
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
    await this.#step(async () => {
      const ended = await this.#decoder?.end();
      if (ended !== undefined && !ended.ok) this.#undecodable(ended.fault);
      this.#endGuard(how);
    });
    await this.#tail;
    try {
      if (this.#bug !== undefined) return bugFault(this.#bug);
      const request = await this.#readRequest();
      const read = this.#reader?.end(how) ?? emptyResponseFacts();
      this.#made(read.response_id);
      for (const resource of read.made ?? []) this.#onMade(resource);
      const facts = this.#facts(this.#withDecodeFault(read), request);
      if (this.#guard !== undefined) facts.verdicts = this.#guard.verdicts();
      return ok(facts);
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

  /** Runs a step after those before it; undefined when it is done already. */
  #step(run: () => Promise<void> | undefined): Promise<void> | undefined {
    const guarded = (): Promise<void> | undefined => {
      try {
        return run()?.catch((error: unknown) => {
          this.#broken(error);
        });
      } catch (error) {
        this.#broken(error);
        return undefined;
      }
    };
    const next = this.#tail === undefined ? guarded() : this.#tail.then(guarded);
    if (next === undefined) return undefined;
    const tail = next.then(() => {
      if (this.#tail === tail) this.#tail = undefined;
    });
    this.#tail = tail;
    return tail;
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

  /**
   * The session as far as the request has come; of a stored exchange more may follow. Its facts are not kept before the
   * response begins: what is kept has to be of the whole body.
   */
  async session(): Promise<string> {
    const request = this.#requestFacts ?? (await this.#parseRequest()).facts;
    return this.#sessionOf(request).base;
  }

  async #readRequest(): Promise<RequestFacts> {
    if (this.#requestFacts !== undefined) return this.#requestFacts;
    const { facts, bytes } = await this.#parseRequest();
    this.#requestChunks = [];
    this.#promptBytes = bytes;
    this.#requestFacts = facts;
    return facts;
  }

  async #parseRequest(): Promise<{ facts: RequestFacts; bytes: number }> {
    const { method, path, request_headers } = this.#opened;
    const headers = new Map(request_headers);
    const raw = Buffer.concat(this.#requestChunks);
    const decoded = await decodeWhole(headers.get('content-encoding'), raw, DECODED_LIMIT_BYTES);
    const body = decoded.ok ? decoded.value : raw;
    const facts = this.#protocol.readRequest({ method, path, query: '', headers, body });
    // What the path or the query says of it was read at the front door.
    return { facts: { ...facts, stream: facts.stream || this.#opened.stream }, bytes: body.byteLength };
  }

  #sessionOf(request: RequestFacts): SessionFacts {
    const { request_headers, login, node_id, api } = this.#opened;
    return sessionOf({ request, headers: request_headers, login, nodeId: node_id, api });
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

  /** Only what was read to its end is told: a part of it could not be told from the rest the next time. */
  #batchUsage({ complete }: ResponseFacts): Pick<Facts, 'batch_usage'> {
    return complete && this.#batch?.reader.whole === true ? { batch_usage: this.#batch.sums.usage() } : {};
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
    const response = withEstimate(read, {
      api: this.#opened.api,
      promptBytes: this.#promptBytes,
      stream: request.stream,
    });
    const { model, provider } = this.#opened;
    const priced = this.#protocol.billable
      ? costOf(
          {
            usage: response.usage,
            usageDetail: response.usage_detail,
            serverTools: response.server_tools,
            serviceTier: response.service_tier,
            modelServed: response.model_served,
            reportedCostNanodollars: response.reported_cost_nanodollars,
            ...termsOf(this.#prices.slice, provider, model),
          },
          this.#prices.table,
        )
      : undefined;
    const late = this.#protocol.billable === 'late' ? tellLate(response, priced) : undefined;
    const own = late?.own ?? response;
    const known = late === undefined && priced?.known === true ? priced : undefined;
    const session = this.#sessionOf(request);
    return {
      response: { ...own, usage_flags: [...own.usage_flags, ...(known?.flags ?? [])] },
      // The texts were for the session's hash; they stay here.
      request: { ...request, system_text: '', first_user_text: '' },
      session,
      request_sha256: this.#requestHash.digest('hex'),
      response_sha256: this.#responseHash.digest('hex'),
      cost_nanodollars: known === undefined ? null : String(known.costNanodollars),
      cost_basis: known?.costBasis ?? null,
      cost_unknown: late === undefined && priced?.known === false ? priced.reason : null,
      price_version: known?.priceVersion ?? null,
      late_usage: late?.usage ?? null,
      ...this.#batchUsage(own),
    };
  }
}

/** What a bug of ours is to the main thread: the exchange is booked without facts. */
function bugFault(error: unknown): Result<never, Fault> {
  return failed({ code: 'inspector_failed', why: errorChain(error) });
}
