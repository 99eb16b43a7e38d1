import type { Fault } from '../contract/fault.ts';
import type { Holding, Whose } from '../contract/holding.ts';
import { RESOURCE_WORDS } from '../contract/resource.ts';
import type { NamedResource, ResourceKind, ResourceNote } from '../contract/resource.ts';
import type { Clock } from '../lib/clock.ts';
import { FairPlaces } from '../lib/fair-places.ts';
import { Lru } from '../lib/lru.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { Deletions } from './deletions.ts';
import type { KeptNote } from './holdings-file.ts';
import { keyOf } from './key.ts';

/** What the books know of resources, also of earlier processes and of other gateways; a root hands it in. */
export interface HoldingStore {
  /** Answers within seconds; `store_unavailable` where it cannot say. */
  whose(resource: NamedResource, login: string): Promise<Result<Whose, Fault>>;
  /** Those of the ids that are the login's at that provider. */
  own(question: OwnQuestion): Promise<Result<string[], Fault>>;
}

export interface OwnQuestion {
  kind: ResourceKind;
  ids: string[];
  login: string;
  provider: string;
}

/** Where notes outlive the process, beside the database. */
export interface NoteFile {
  /** Objects that it tells of. */
  readonly lines: number;
  /** Notes that it did not take. */
  readonly failures: number;
  append(notes: readonly KeptNote[]): Promise<void>;
}

/** At which provider, by whom, with which key and for which model something was done. */
export interface Holder {
  login: string;
  provider: string;
  keyId: string;
  model: string;
}

export interface ResourcesOptions {
  store: HoldingStore;
  /** Absent: what this process saw is known to the database alone. */
  file?: NoteFile;
  clock: Clock;
  /** How long an id that nobody knows is looked for. */
  booksLagMs?: number;
  /** What an earlier process did is still on its way to the database: who made what is not known yet. */
  isBehind?: () => boolean;
}

/** Responses remembered, and as many of all else, about 300 bytes each. What is forgotten is looked up in the database. */
const REMEMBERED = 65_536;

/** Makers remembered of one id. Ids are unique; only a provider that gives the same ones again has more than one. */
const MAKERS = 8;

/**
 * Ids that are being looked for; one more is a 503. Each takes milliseconds, or `BOOKS_LAG_MS` where nobody knows it: so a
 * caller who names strange ones has no more than leaves room for others.
 */
const LOOKUPS = 256;

/**
 * A client may ask for a response a millisecond after it got its id: the inspector is then still reading it, and another
 * gateway's record is on its way through the queue. So an id is unknown only when it still is after this long.
 */
const BOOKS_LAG_MS = 2_000;
const FIRST_PAUSE_MS = 50;
const STILL_STORED = 'what was done before the last start is still being stored';

/**
 * Who made what a provider keeps, and where it is (design, section 6): only its maker may use it, and it must be asked
 * for where it is. In memory for what this process saw made, in the database for the rest.
 */
export class Resources {
  readonly #store: HoldingStore;
  readonly #file: NoteFile | undefined;
  readonly #clock: Clock;
  readonly #booksLagMs: number;
  readonly #isBehind: () => boolean;
  readonly #responses = new Lru<string, readonly Holding[]>(REMEMBERED);
  /** By themselves: of responses there may be hundreds a second. */
  readonly #others = new Lru<string, readonly Holding[]>(REMEMBERED);
  readonly #deletions = new Deletions(REMEMBERED);
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #lookups = new FairPlaces(LOOKUPS);

  constructor({ store, file, clock, booksLagMs = BOOKS_LAG_MS, isBehind = () => false }: ResourcesOptions) {
    this.#store = store;
    this.#file = file;
    this.#clock = clock;
    this.#booksLagMs = booksLagMs;
    this.#isBehind = isBehind;
  }

  get remembered(): number {
    return this.#responses.size + this.#others.size + this.#deletions.size;
  }

  /** Objects in the file, and what it did not take. */
  get kept(): { lines: number; failures: number } {
    return { lines: this.#file?.lines ?? 0, failures: this.#file?.failures ?? 0 };
  }

  /** Ids that are being looked for. */
  get lookups(): number {
    return this.#lookups.taken;
  }

  /** Those for which there was no room. */
  get refused(): number {
    return this.#lookups.refused;
  }

  /** It was made. Told again, it changes nothing. */
  learn(resource: NamedResource, holding: Holding): void {
    const key = keyOf(resource);
    const holdings = this.#holdingsOf(resource);
    const others = (holdings.get(key) ?? []).filter((other) => !isReplaced(resource, other, holding));
    holdings.set(key, [holding, ...others.slice(0, MAKERS - 1)]);
    for (const wake of this.#waiting.get(key) ?? []) wake();
  }

  /** It was deleted. The provider says so from now on; here its id may be somebody else's one day. */
  forget(resource: NamedResource, { login, provider }: Pick<Holding, 'login' | 'provider'>): void {
    const key = keyOf(resource);
    const holdings = this.#holdingsOf(resource);
    const left = (holdings.get(key) ?? []).filter((other) => other.login !== login || other.provider !== provider);
    if (left.length === 0) holdings.delete(key);
    else holdings.set(key, left);
  }

  /** What earlier processes noted, in order. */
  recall(notes: readonly KeptNote[]): void {
    for (const { login, provider, key_id: keyId, model, ...note } of notes) {
      this.#take(note, { login, provider, keyId, model });
    }
  }

  /** An inspector read it in a response: a response itself, or what tools made beside it. */
  told(resource: NamedResource, holding: Holding): void {
    const { keyId } = holding;
    if (resource.kind === 'response' || keyId === undefined) this.learn(resource, holding);
    // Named again in the next response of the same conversation, perhaps after it was deleted.
    else if (this.#whose(resource, holding.login) === undefined && !this.#deletions.has(resource, holding)) {
      void this.note([{ op: 'made', ...resource, at_ms: this.#clock.nowMs() }], { ...holding, keyId });
    }
  }

  /** What an exchange made and deleted: known when this returns, and for the next start when it resolves. */
  async note(notes: readonly ResourceNote[], holder: Holder): Promise<void> {
    if (notes.length === 0) return;
    for (const note of notes) this.#take(note, holder);
    const { login, provider, keyId, model } = holder;
    await this.#file?.append(notes.map((note) => ({ ...note, login, provider, key_id: keyId, model })));
  }

  /** The holder's own, as far as memory knows. */
  known(resource: NamedResource, { login, provider }: Pick<Holder, 'login' | 'provider'>): Holding | undefined {
    const own = this.#own(resource, login);
    return own?.provider === provider ? own : undefined;
  }

  /** Those of the ids that are the login's at that provider: by memory, and where it does not know one, by the database. */
  async own({ ids, ...question }: OwnQuestion): Promise<Result<ReadonlySet<string>, Fault>> {
    const { kind, login } = question;
    const own = new Set<string>();
    const open: string[] = [];
    for (const id of new Set(ids)) {
      const known = this.#whose({ kind, id }, login);
      if (known === undefined) open.push(id);
      else if (known.of === 'caller' && known.holding.provider === question.provider) own.add(id);
    }
    if (open.length === 0) return ok(own);
    return this.#lookUp(login, async () => {
      const stored = await this.#store.own({ ...question, ids: open });
      if (!stored.ok) return stored;
      for (const id of stored.value) own.add(id);
      return ok(own);
    });
  }

  #take(note: ResourceNote, { login, provider, keyId, model }: Holder): void {
    const { kind, id, models, batch, at_ms: atMs } = note;
    if (note.op === 'deleted') {
      this.forget({ kind, id }, { login, provider });
      this.#deletions.add({ kind, id }, { login, provider, atMs });
      return;
    }
    const more = { ...(models === undefined ? {} : { models }), ...(batch === undefined ? {} : { batch }) };
    this.#deletions.remove({ kind, id }, { login, provider });
    this.learn({ kind, id }, { login, provider, model, keyId, ...more });
  }

  /**
   * Where something is that the caller made. `not_found` is the answer for an id that nobody made and for somebody
   * else's, after the same time.
   */
  async find(resource: NamedResource, login: string): Promise<Result<Holding, Fault>> {
    const remembered = this.#own(resource, login);
    return remembered === undefined ? this.#lookUp(login, () => this.#search(resource, login)) : ok(remembered);
  }

  /** Whose something is, as far as memory and the database know at once. */
  async whose(resource: NamedResource, login: string): Promise<Result<Whose, Fault>> {
    const remembered = this.#whose(resource, login);
    if (remembered !== undefined) return ok(remembered);
    return this.#lookUp(login, async () => {
      const stored = await this.#stored(resource, login);
      const meanwhile = this.#whose(resource, login);
      if (meanwhile !== undefined) return ok(meanwhile);
      if (stored.ok && stored.value.of === 'caller') this.learn(resource, stored.value.holding);
      return stored;
    });
  }

  async #search(resource: NamedResource, login: string): Promise<Result<Holding, Fault>> {
    const notFound = failed<Fault>({ code: 'not_found', what: RESOURCE_WORDS[resource.kind] });
    const untilMs = this.#clock.nowMs() + this.#booksLagMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
      const stored = await this.#stored(resource, login);
      const meanwhile = this.#own(resource, login);
      if (meanwhile !== undefined) return ok(meanwhile);
      // What memory knows to be another's, no database could make the caller's. Of responses it could: equal ids happen.
      if (!stored.ok)
        return resource.kind !== 'response' && this.#whose(resource, login) !== undefined ? notFound : stored;
      if (stored.value.of === 'caller') {
        this.learn(resource, stored.value.holding);
        return ok(stored.value.holding);
      }
      const leftMs = untilMs - this.#clock.nowMs();
      if (leftMs <= 0) return this.#isBehind() ? failed({ code: 'store_unavailable', why: STILL_STORED }) : notFound;
      await this.#learnt(keyOf(resource), Math.min(pauseMs, leftMs));
      const learnt = this.#own(resource, login);
      if (learnt !== undefined) return ok(learnt);
    }
  }

  /** What the database says; of what was deleted through here, it may not have heard yet. */
  async #stored(resource: NamedResource, login: string): Promise<Result<Whose, Fault>> {
    const stored = await this.#store.whose(resource, login);
    if (!stored.ok || stored.value.of !== 'caller') return stored;
    const { holding, madeAtMs = 0 } = stored.value;
    return this.#deletions.has(resource, holding, madeAtMs) ? ok({ of: 'nobody' }) : stored;
  }

  async #lookUp<T>(login: string, search: () => Promise<Result<T, Fault>>): Promise<Result<T, Fault>> {
    if (!this.#lookups.take(login)) {
      return failed({ code: 'overloaded', what: 'stored responses being looked up', limit: LOOKUPS });
    }
    try {
      return await search();
    } finally {
      this.#lookups.give(login);
    }
  }

  #holdingsOf({ kind }: NamedResource): Lru<string, readonly Holding[]> {
    return kind === 'response' ? this.#responses : this.#others;
  }

  #own(resource: NamedResource, login: string): Holding | undefined {
    const holdings = this.#holdingsOf(resource).get(keyOf(resource));
    return holdings?.find((holding) => holding.login === login);
  }

  #whose(resource: NamedResource, login: string): Whose | undefined {
    const holding = this.#own(resource, login);
    if (holding !== undefined) return { of: 'caller', holding };
    return this.#holdingsOf(resource).get(keyOf(resource)) === undefined ? undefined : { of: 'another' };
  }

  /** Resolves when the id is learnt, or when the time is up. */
  #learnt(key: string, withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiting);
      const wake = (): void => {
        clearTimeout(timer);
        waiting.delete(wake);
        if (waiting.size === 0) this.#waiting.delete(key);
        resolve();
      };
      const timer = setTimeout(wake, withinMs);
      waiting.add(wake);
    });
  }
}

/**
 * Whether what was known of an id is over when it is made again. Google lets callers choose names, and a name is free again
 * once its object is gone: then it is its new maker's alone. Equal ids of responses are each maker's own.
 */
function isReplaced({ kind }: NamedResource, known: Holding, made: Holding): boolean {
  return known.login === made.login || (kind !== 'response' && known.provider === made.provider);
}
