import type { Caller } from '../contract/caller.ts';
import type { Fault } from '../contract/fault.ts';
import type { Clock } from '../lib/clock.ts';
import { Lru } from '../lib/lru.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { Lookup, WhoisAnswer } from './whois.ts';

export interface WhoisCacheSettings {
  /** An identity younger than this is used unasked. */
  freshMs: number;
  /** An identity older than this is not used any more: the caller waits for the look-up, and without one is denied. */
  maxAgeMs: number;
  /** How long a "no such address" stands. */
  unknownMs: number;
  /** How long after a failed look-up the next one is made. */
  retryMs: number;
  /** Addresses. */
  capacity: number;
  /** Addresses that are asked for at once; those beyond it are told that nobody answers, and may come again. */
  atOnce: number;
}

const WHOIS_CACHE: WhoisCacheSettings = {
  // A new tag or user shows after a minute and one request; what must be shut at once is what revocations are for.
  freshMs: 60_000,
  // Outlives an upgrade or restart of tailscaled; an address is not given to another device within minutes.
  maxAgeMs: 300_000,
  // A device that has just joined may be here before the network map is: let it in soon.
  unknownMs: 5_000,
  // Enough that an absent tailscaled is not asked by each request.
  retryMs: 1_000,
  // A node of each of 50,000 people, at about a kilobyte.
  capacity: 65_536,
  // Each waits two seconds at most, eight at a time are under way to tailscaled.
  atOnce: 4_096,
};

export interface Whois {
  /** At once where the answer is known; else when it arrives. Takes a canonical tailnet address. */
  of(address: string): Result<Caller, Fault> | Promise<Result<Caller, Fault>>;
  /** For metrics: look-ups made, and how many of them gave no answer. */
  readonly lookups: number;
  readonly failures: number;
  readonly underWay: number;
}

/** What is known of one address. Times are when the state began. */
type Entry =
  | { at: 'known'; answer: Result<Caller, Fault>; caller: Caller; sinceMs: number; askAgainAtMs: number }
  | { at: 'refused'; answer: Result<Caller, Fault>; untilMs: number };

const AWAY = 'tailscaled on the gateway does not answer';

/** Remembers whois answers by address: bounded, one look-up in flight an address, old answers renewed in passing. */
export function createWhoisCache(
  lookup: Lookup,
  clock: Clock,
  given: Partial<WhoisCacheSettings> = {},
  onFailure: (why: string) => void = () => undefined,
): Whois {
  const settings = { ...WHOIS_CACHE, ...given };
  const entries = new Lru<string, Entry>(settings.capacity);
  const inFlight = new Map<string, Promise<Result<Caller, Fault>>>();
  let lookups = 0;
  let failures = 0;

  /** Joins the look-up of an address that is under way, or starts it. */
  function ask(address: string): Promise<Result<Caller, Fault>> {
    const running = inFlight.get(address);
    if (running !== undefined) return running;
    if (inFlight.size >= settings.atOnce) return Promise.resolve(failed<Fault>({ code: 'no_identity', why: AWAY }));
    lookups += 1;
    const started = lookup(address).then(
      (answer) => {
        inFlight.delete(address);
        return learn(address, answer);
      },
      (error: unknown) => {
        inFlight.delete(address);
        throw error;
      },
    );
    inFlight.set(address, started);
    return started;
  }

  function learn(address: string, answer: WhoisAnswer): Result<Caller, Fault> {
    const nowMs = clock.nowMs();
    const before = entries.get(address);
    switch (answer.kind) {
      case 'caller': {
        // The same caller stays the same object, so that what hangs on it (its access) need not be found again.
        const caller = before?.at === 'known' && same(before.caller, answer.caller) ? before.caller : answer.caller;
        const result = ok(caller);
        entries.set(address, {
          at: 'known',
          answer: result,
          caller,
          sinceMs: nowMs,
          askAgainAtMs: nowMs + settings.freshMs,
        });
        return result;
      }
      case 'unknown':
        return refuse(address, answer.why, nowMs + settings.unknownMs);
      case 'unavailable': {
        failures += 1;
        onFailure(answer.why);
        if (before?.at === 'known' && nowMs - before.sinceMs < settings.maxAgeMs) {
          before.askAgainAtMs = nowMs + settings.retryMs;
          return before.answer;
        }
        return refuse(address, AWAY, nowMs + settings.retryMs);
      }
    }
  }

  function refuse(address: string, why: string, untilMs: number): Result<Caller, Fault> {
    const answer = failed<Fault>({ code: 'no_identity', why });
    entries.set(address, { at: 'refused', answer, untilMs });
    return answer;
  }

  return {
    of(address) {
      const entry = entries.get(address);
      if (entry === undefined) return ask(address);
      const nowMs = clock.nowMs();
      if (entry.at === 'refused') return nowMs < entry.untilMs ? entry.answer : ask(address);
      if (nowMs - entry.sinceMs >= settings.maxAgeMs) return ask(address);
      // Renewed in passing: this request does not wait. A look-up never rejects but by a bug, which `learn` would show.
      if (nowMs >= entry.askAgainAtMs) void ask(address);
      return entry.answer;
    },
    get lookups() {
      return lookups;
    },
    get failures() {
      return failures;
    },
    get underWay() {
      return inFlight.size;
    },
  };
}

function same(a: Caller, b: Caller): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
