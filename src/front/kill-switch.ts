import { RevocationSet, revokedTokens, subjectOf } from '../access/revocations.ts';
import type { Subject } from '../access/revocations.ts';
import type { ControlSnapshot, Revocation } from '../contract/control.ts';
import type { Fault } from '../contract/fault.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { Clock } from '../lib/clock.ts';
import type { ClientSockets } from './client-sockets.ts';
import type { LiveExchanges } from './live.ts';

/** The inspectors as the kill switch needs them: they alone know the session of every running exchange. */
export interface SessionWatchers {
  /** Reports exchanges of these sessions, those that run now and those to come, until the next call. */
  watchSessions(sessions: readonly string[], found: (exchange: ExchangeId, session: string) => void): void;
}

/**
 * Ending an exchange takes 65 µs, and 100 µs more of the turns that follow (docs/access.md); this much of a turn may go
 * to it, and then others have theirs.
 */
const SLICE_MS = 5;

/**
 * What is revoked, as the newest snapshot says: read on every request, outside all caches, and reaching into what runs.
 * New requests are judged by whoever lets them in; running exchanges that a snapshot names are ended, a slice of them in
 * each turn of the event loop.
 */
export class KillSwitch {
  readonly #clock: Clock;
  readonly #live: LiveExchanges;
  readonly #watchers: SessionWatchers;
  readonly #sockets: Pick<ClientSockets, 'refuse'> | undefined;
  #set = new RevocationSet([]);
  #sessions = new Map<Subject, Revocation>();
  readonly #ending = new Map<ExchangeId, Fault>();
  #working = false;
  /** Running exchanges that were ended. */
  ended = 0;

  constructor(parts: {
    clock: Clock;
    live: LiveExchanges;
    watchers: SessionWatchers;
    sockets?: Pick<ClientSockets, 'refuse'>;
  }) {
    this.#clock = parts.clock;
    this.#live = parts.live;
    this.#watchers = parts.watchers;
    this.#sockets = parts.sockets;
  }

  /** Revoked things that hold now. */
  get inForce(): number {
    return this.#set.inForce(this.#clock.nowMs()).length;
  }

  /** Whether the session of a request makes a difference now: finding it costs a look at the body. */
  get judgesSessions(): boolean {
    const nowMs = this.#clock.nowMs();
    for (const { untilMs } of this.#sessions.values()) if (untilMs === null || nowMs < untilMs) return true;
    return false;
  }

  /** Replaces all that is revoked, and ends what runs and is named. */
  reconfigure({ tokens, revocations }: Pick<ControlSnapshot, 'tokens' | 'revocations'>): void {
    this.#set = new RevocationSet([...revocations, ...revokedTokens(tokens)]);
    const inForce = this.#set.inForce(this.#clock.nowMs());
    for (const [subject, revocation] of inForce) {
      for (const id of this.#live.withSubject(subject)) this.#ending.set(id, faultOf(revocation));
      this.#sockets?.refuse(subject, faultOf(revocation));
    }
    this.#watchSessions(inForce);
    if (!this.#working && this.#ending.size > 0) this.#work();
  }

  /** Why a request with these subjects may not go on; undefined when it may. */
  judge(subjects: readonly Subject[]): Fault | undefined {
    const found = this.#set.find(subjects, this.#clock.nowMs());
    return found === undefined ? undefined : faultOf(found);
  }

  #watchSessions(inForce: readonly [Subject, Revocation][]): void {
    const before = this.#sessions;
    this.#sessions = new Map(inForce.filter(([, { kind }]) => kind === 'session'));
    if (before.size === 0 && this.#sessions.size === 0) return;
    this.#watchers.watchSessions(
      [...this.#sessions.values()].map(({ value }) => value),
      (exchange, session) => {
        const fault = this.judge([subjectOf('session', session)]);
        if (fault !== undefined) this.#end(exchange, fault);
      },
    );
  }

  #work(): void {
    this.#working = true;
    const untilMs = this.#clock.nowMs() + SLICE_MS;
    for (const [id, fault] of this.#ending) {
      this.#ending.delete(id);
      this.#end(id, fault);
      if (this.#clock.nowMs() >= untilMs) break;
    }
    this.#working = this.#ending.size > 0;
    if (this.#working) {
      setImmediate(() => {
        this.#work();
      });
    }
  }

  #end(id: ExchangeId, fault: Fault): void {
    const exchange = this.#live.get(id);
    if (exchange === undefined) return;
    this.ended += 1;
    exchange.refuse(fault);
  }
}

function faultOf({ kind, reason }: Revocation): Fault {
  return { code: 'revoked', kind, reason };
}
