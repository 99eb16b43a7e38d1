import type { Opened } from '../contract/exchange.ts';
import type { Deciding } from '../contract/guardrail.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { FromInspector, ToInspector } from '../contract/messages.ts';
import { joined } from '../lib/joined.ts';
import { ok, unreachable } from '../lib/result.ts';
import type { PriceTable } from '../pricing/table.ts';
import { scanBody } from '../protocols/body-scan.ts';
import { scanForm } from '../protocols/form-scan.ts';
import { protocolFor } from '../protocols/registry.ts';
import { toldOf } from './asked-answer.ts';
import { bugFault, Inspection } from './inspection.ts';
import type { ResponseGate } from './inspection.ts';
import type { Rules } from './rules.ts';
import { sessionOf } from './session.ts';
import { WorldPrices } from './world-prices.ts';

/** The exchanges of one inspector thread. */
export class Inspector {
  readonly #post: (message: FromInspector) => void;
  readonly #inspections = new Map<ExchangeId, Inspection>();
  readonly #prices: WorldPrices;
  #revokedSessions: ReadonlySet<string> = new Set();
  readonly #rules: Rules | undefined;

  constructor(table: PriceTable, post: (message: FromInspector) => void, rules?: Rules) {
    this.#prices = new WorldPrices(table);
    this.#post = post;
    this.#rules = rules;
  }

  take(message: ToInspector): void {
    switch (message.kind) {
      case 'world':
        this.#prices.add(message.world, message.pricing);
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
      case 'abandon':
        this.#inspections.get(message.exchange)?.abandon();
        return;
      case 'give_up_holding':
        this.#inspections.get(message.exchange)?.giveUpHolding(message.why);
        return;
      case 'drop':
        this.#inspections.get(message.exchange)?.abandon();
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
      case 'wake':
        void this.#rules?.rehearse();
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
    const inspection = new Inspection(opened, mode, this.#prices.of(opened.world), gate, (resource) => {
      const holding = { login, provider, model };
      this.#post({ kind: 'made', resource, holding: resource.kind === 'response' ? holding : { ...holding, keyId } });
    });
    this.#inspections.set(opened.id, inspection);
  }

  #gate(opened: Opened, deciding: Deciding): ResponseGate {
    const { asking } = deciding;
    return {
      open: (head) => this.#ownRules().guard(opened, deciding, head),
      asking: asking && { told: toldOf(asking), open: (head) => this.#ownRules().hooks(opened, asking, head) },
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

  #ownRules(): Rules {
    if (this.#rules === undefined) throw new Error('this thread runs no rules');
    return this.#rules;
  }

  /** Answered whatever happens: the caller waits. */
  async #decide(message: Extract<ToInspector, { kind: 'decide' }>): Promise<void> {
    const { ask, body } = message;
    try {
      const judged = await this.#ownRules().judge(message, () => sessionOfRequest(message));
      this.#post({ kind: 'decided', ask, body: judged.body, outcome: ok(judged.decided) });
    } catch (error) {
      this.#post({ kind: 'decided', ask, body, outcome: bugFault(error) });
    }
  }

  async #end(exchange: Opened['id'], how: 'complete' | 'cut'): Promise<void> {
    const inspection = this.#inspections.get(exchange);
    if (inspection === undefined) return;
    // Hooks may be asked about it yet, and its client leave meanwhile.
    const outcome = await inspection.end(how);
    this.#inspections.delete(exchange);
    this.#post({ kind: 'inspected', exchange, outcome });
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
