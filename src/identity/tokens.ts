import { timingSafeEqual } from 'node:crypto';
import type { Caller } from '../contract/caller.ts';
import type { TokenEntry } from '../contract/control.ts';
import type { Fault, TokenRefusal } from '../contract/fault.ts';
import type { Clock } from '../lib/clock.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { isTag, isTokenLogin } from './login.ts';
import { newTokenText, readTokenText, tokenHash } from './token-format.ts';

export interface TokenWish {
  name: string;
  login: string;
  tags: readonly string[];
  /** Null: until it is revoked. */
  expiresAtMs: number | null;
}

/** Makes a token. Its text is known here once, and to whoever it is given; the entry holds its hash alone. */
export function mintToken(wish: TokenWish, nowMs: number): { text: string; entry: TokenEntry } {
  const { id, text } = newTokenText();
  return { text, entry: { id, sha256: tokenHash(text), ...wish, createdAtMs: nowMs, revokedAtMs: null } };
}

interface Known {
  hash: Buffer;
  expiresAtMs: number;
  revoked: boolean;
  answer: Result<Caller, Fault>;
}

const HASH_BYTES = 32;

/**
 * The tokens that this gateway has issued, as the newest snapshot of the control state has them. Nothing is cached by a
 * part of a token: its id finds the entry, and the hash of all of it decides, each time.
 */
export class TokenDirectory {
  readonly #clock: Clock;
  #byId: ReadonlyMap<string, Known> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Replaces all. An entry that names somebody else than a token, or has no whole hash, lets nobody in. */
  reconfigure(entries: readonly TokenEntry[]): void {
    this.#byId = new Map(entries.filter(isSound).map((entry) => [entry.id, knownOf(entry)]));
  }

  /** Whose the tokens of one request are. They are different texts: more than one is nobody's. */
  callerOf(tokens: readonly string[]): Result<Caller, Fault> {
    const [text = ''] = tokens;
    if (tokens.length > 1) return refused('several');
    const id = readTokenText(text);
    if (!id.ok) return refused(id.fault);
    const known = this.#byId.get(id.value);
    if (known === undefined || !timingSafeEqual(known.hash, Buffer.from(tokenHash(text), 'hex'))) {
      // An id alone is no proof of anything: who has no more learns no more.
      return refused('unknown');
    }
    if (known.revoked) return refused('revoked');
    return this.#clock.nowMs() < known.expiresAtMs ? known.answer : refused('expired');
  }
}

function isSound({ sha256, login, tags }: TokenEntry): boolean {
  return Buffer.from(sha256, 'hex').byteLength === HASH_BYTES && isTokenLogin(login) && tags.every(isTag);
}

function knownOf(entry: TokenEntry): Known {
  return {
    hash: Buffer.from(entry.sha256, 'hex'),
    expiresAtMs: entry.expiresAtMs ?? Number.POSITIVE_INFINITY,
    // Whatever the time says: clocks of several gateways differ.
    revoked: entry.revokedAtMs !== null,
    answer: ok({
      login: entry.login,
      nodeId: entry.id,
      nodeName: entry.name,
      tags: [...new Set(entry.tags)].sort(),
      groups: [],
      source: 'token',
      capabilities: {},
    }),
  };
}

function refused(why: TokenRefusal): Result<never, Fault> {
  return failed({ code: 'token_refused', why });
}
