import { setTimeout as sleep } from 'node:timers/promises';
import type { Facts } from '../contract/facts.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { BucketClaim, Charged, QuotaCharge, QuotaDefinition } from '../contract/quota.ts';
import type { Clock } from '../lib/clock.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { dropAccount, readAccounts, writeAccount } from '../quota/account-file.ts';
import { QuotaLedger } from '../quota/ledger.ts';
import type { LedgerOptions, SettledCost } from '../quota/ledger.ts';
import type { JournaledExchange } from '../records/settle.ts';

/** How often the store is told what was spent: another process learns of it so late at most. */
const TICK_MS = 1_000;
/** The account is written as often, or less often where it is long: 100,000 buckets are 5 MB. */
const ACCOUNT_EVERY_MS = 1_000;
const BUCKETS_PER_SECOND = 5_000;
const RETRY_MS = 1_000;
const OPEN_RETRY_MS = 50;

/** What is needed of the journal. */
export interface ChargeJournal {
  holds(exchange: ExchangeId): boolean;
  append(exchange: ExchangeId, kind: 'charged', payload: Charged): void;
  chargeEarlier(exchange: ExchangeId, charged: Charged): void;
}

export interface QuotasParts {
  /** This process's slot of the journal: its account stands there. */
  folder: string;
  gatewayId: string;
  clock: Clock;
  claim: LedgerOptions['claim'];
  log: Log;
}

/** What lives before this one had spent, by bucket, and the slots that their accounts stand in. */
interface Earlier {
  spent: Map<string, number>;
  folders: Set<string>;
}

/**
 * Joins the ledger with what must outlive it: each charge is in the journal with the exchange, and what this life has
 * spent in a file beside it. What earlier lives had spent is told to the store once all of it was read.
 */
export class Quotas {
  readonly ledger: QuotaLedger;
  readonly #parts: QuotasParts;
  readonly #earlier = new Map<string, Earlier>();
  readonly #ticking: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();
  #written = '';
  #nextWriteAtMs = 0;
  #closing = false;
  /** What earlier lives left in the folder was read: there is room for an account of ours. */
  #mayWrite = false;
  /** Buckets that were claimed from: they are in the account that was written, as far as it could be. */
  readonly #noted = new Set<string>();

  constructor(parts: QuotasParts, definitions: readonly QuotaDefinition[]) {
    this.#parts = parts;
    const life = `${parts.gatewayId}.${Math.floor(parts.clock.nowMs()).toString(36)}`;
    this.ledger = new QuotaLedger({
      life,
      clock: parts.clock,
      claim: (claiming, claims) => {
        if (claiming === life) this.#note(claims);
        return parts.claim(claiming, claims);
      },
    });
    this.ledger.reconfigure(definitions);
    this.#ticking = setInterval(() => {
      this.#tick();
    }, TICK_MS);
    this.#ticking.unref();
  }

  /**
   * Resolves when the store has answered for the first time: whoever is told that a gateway is ready should not be refused
   * because its store was still being opened. After a while in any case: it may be away.
   */
  async opened(withinMs: number): Promise<void> {
    const untilMs = this.#parts.clock.nowMs() + withinMs;
    while (this.ledger.names.length > 0 && !this.#closing && this.#parts.clock.nowMs() < untilMs) {
      if ((await this.#parts.claim(this.ledger.life, [])) !== undefined) return;
      await sleep(OPEN_RETRY_MS);
    }
  }

  /** What an exchange is charged, whenever its record is made: the first time it is spent, and written down. */
  chargesOf(journal: ChargeJournal, exchange: JournaledExchange, facts: Facts | undefined): readonly QuotaCharge[] {
    const { opened, charged } = exchange;
    if (charged !== undefined) return charged.charges;
    const { charges, made } = this.ledger.charge(opened.id, opened.quotas, settledCost(exchange, facts));
    if (made !== undefined) {
      if (journal.holds(opened.id)) journal.append(opened.id, 'charged', made);
      else journal.chargeEarlier(opened.id, made);
    }
    return charges;
  }

  /** A replay begins with a slot: what its lives held is given back at once, as far as their accounts tell. */
  async takeUp(folder: string): Promise<void> {
    const accounts = await readAccounts(folder, this.#parts.log);
    if (folder === this.#parts.folder) this.#mayWrite = true;
    for (const { life, spent } of accounts) {
      const earlier = this.#of(life);
      earlier.folders.add(folder);
      for (const [bucket, amount] of Object.entries(spent)) raise(earlier.spent, bucket, amount);
      await this.ledger.settleLife(life, earlier.spent);
    }
  }

  /** A replay came by a charge. */
  onCharged(charged: Charged): void {
    if (charged.life === this.ledger.life) return;
    const { spent } = this.#of(charged.life);
    for (const [bucket, amount] of Object.entries(charged.spent)) raise(spent, bucket, amount);
  }

  /** All of a replay was read: resolves when the store knows what earlier lives had spent. */
  async settleEarlier(): Promise<void> {
    for (const [life, { spent, folders }] of this.#earlier) {
      while (!(await this.ledger.settleLife(life, spent))) {
        await sleep(RETRY_MS);
        if (this.#closing) return;
      }
      this.#earlier.delete(life);
      for (const folder of folders) await dropAccount(folder, life);
    }
  }

  /** The last word: what was spent is told, and nothing is held any more. */
  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#ticking);
    await this.#write();
    await this.ledger.settleLife(this.ledger.life, new Map(Object.entries(this.ledger.account())));
  }

  #of(life: string): Earlier {
    const known = this.#earlier.get(life);
    if (known !== undefined) return known;
    const fresh: Earlier = { spent: new Map(), folders: new Set() };
    this.#earlier.set(life, fresh);
    return fresh;
  }

  /**
   * What the store holds for us, it is to give back at once when we are killed, and not after a minute: so the next life
   * must find our name, and where we hold something, before the next tick.
   */
  #note(claims: readonly BucketClaim[]): void {
    const before = this.#noted.size;
    for (const { key } of claims) this.#noted.add(key);
    if (this.#noted.size > before && this.#noted.size <= BUCKETS_PER_SECOND) void this.#write();
  }

  #tick(): void {
    this.ledger.tick();
    const nowMs = this.#parts.clock.nowMs();
    if (nowMs < this.#nextWriteAtMs) return;
    this.#nextWriteAtMs = nowMs + Math.max(ACCOUNT_EVERY_MS, (this.ledger.stats().buckets / BUCKETS_PER_SECOND) * 1000);
    void this.#write();
  }

  #write(): Promise<void> {
    if (!this.#mayWrite) return this.#writing;
    const spent = this.ledger.account();
    const text = JSON.stringify(spent);
    if (text === this.#written) return this.#writing;
    this.#written = text;
    this.#writing = this.#writing
      .then(() => writeAccount(this.#parts.folder, { life: this.ledger.life, spent }))
      .catch((error: unknown) => {
        // The frames of the journal say the same, as long as they are there.
        this.#parts.log.warn({ error: errorChain(error) }, 'what was spent from quotas cannot be written');
        this.#written = '';
      });
    return this.#writing;
  }
}

/** An answer that came whole and tells no usage is of work that goes on: its cost is told to whoever asks for it later. */
export function settledCost({ closed }: JournaledExchange, facts: Facts | undefined): SettledCost {
  const cost = facts?.cost_nanodollars ?? null;
  if (cost !== null) return Number(cost);
  const isWhole = closed?.state === 'complete' && closed.status < 300;
  return isWhole && facts?.response.usage === null && facts.cost_unknown === 'no_usage' ? 'as reserved' : 'unknown';
}

function raise(spent: Map<string, number>, bucket: string, amount: number): void {
  spent.set(bucket, Math.max(amount, spent.get(bucket) ?? 0));
}
