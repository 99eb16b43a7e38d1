import type { PersonalKind, SecretKind } from '../../contract/guardrail.ts';
import { CONTEXT_CHARS } from '../detector.ts';
import type { Found, TextDetector, TextMatch } from '../detector.ts';
import { card } from './card.ts';
import { email } from './email.ts';
import { iban } from './iban.ts';
import { ipv4, ipv6 } from './ip-address.ts';
import { jsonWebToken, restOfToken } from './json-web-token.ts';
import { letteredId, numericId } from './national-id.ts';
import { numberRun } from './number-run.ts';
import { phone } from './phone.ts';
import { isInWord, NextSign, nextPlace } from './places.ts';
import { privateKey, restOfKey } from './private-key.ts';
import { MORE, NONE, Reading } from './reading.ts';
import { cloudSecret, KeyFinder } from './secret-keys.ts';
import { DIGIT, endOf, indexOf, unitAt, viewOf, WORD } from './view.ts';

export type ScannedKind = PersonalKind | SecretKind;

/** A longer word is none of what begins with a word and ends with it; keys and tokens see to themselves. */
const WORD_CHARS = 512;
/** Local part and sign: an `@` further away makes no address of this word. */
const SIGN_CHARS = 68;

/** What begins at a place: where it ends, `MORE`, or `NONE`. `open`: it outgrew the window and goes on. */
interface Answer {
  kind: string;
  end: number;
  open?: boolean;
}
const NOTHING: Answer = { kind: '', end: NONE };

/**
 * Finds personal data and secrets in one pass: what can begin only at the beginning of a word, or with a mark of its own,
 * is looked for there and nowhere else. Each finder reads from such a place on, as far as its longest match and the two
 * characters behind it, and says `MORE` where the text ends before it could decide; the pass stops there. So what is found
 * depends on the text alone, and what is held back is the last word, number or key.
 *
 * A private key or a token that outgrows the window is found in pieces of the window's length, each a match of its own.
 */
export class Scanner implements TextDetector {
  readonly #kinds: ReadonlySet<string>;
  readonly #keys: KeyFinder | undefined;
  readonly #numbers: boolean;

  constructor(kinds: readonly ScannedKind[]) {
    this.#kinds = new Set(kinds);
    const keys = kinds.filter((kind) => kind === 'provider_key' || kind === 'cloud_key');
    this.#keys = keys.length > 0 ? new KeyFinder(keys) : undefined;
    this.#numbers = this.#kinds.has('card') || this.#kinds.has('national_id');
  }

  find(text: string, from: number, atEnd: boolean, open?: string): Found {
    const view = viewOf(text, Math.max(0, from - CONTEXT_CHARS));
    const reading = new Reading(view.text, atEnd, view.indices);
    const sign = new NextSign(view.text);
    const matches: TextMatch[] = [];
    let at = unitAt(view, from);
    let goesOn = open;
    for (;;) {
      let answer: Answer;
      if (goesOn !== undefined) answer = rest(reading, at, goesOn);
      else {
        if (isInWord(reading, at)) at = reading.runEnd(at, WORD, Infinity);
        const next = nextPlace(reading, at);
        at = next.at;
        if (next.place === reading.end) break;
        answer = next.place === MORE ? { kind: '', end: MORE } : this.#judge(reading, sign, at);
      }
      if (answer.end === MORE) return { matches, settled: indexOf(view, at), open: goesOn };
      if (answer.end > at) matches.push({ start: indexOf(view, at), end: endOf(view, answer.end), kind: answer.kind });
      at = answer.end === NONE ? afterPlace(reading, at) : answer.end;
      goesOn = answer.open === true ? answer.kind : undefined;
    }
    return { matches, settled: atEnd ? text.length : Math.max(from, endOf(view, reading.end)) };
  }

  #judge(reading: Reading, sign: NextSign, at: number): Answer {
    if ((reading.kind(at) & WORD) !== 0) return this.#judgeWord(reading, sign, at);
    switch (reading.text[at]) {
      case '-':
        return this.#kinds.has('private_key') ? { kind: 'private_key', ...privateKey(reading, at) } : NOTHING;
      case ':':
        return this.#kinds.has('ip_address') ? doubleColon(reading, at) : NOTHING;
      default:
        return this.#kinds.has('phone') ? markedPhone(reading, at) : NOTHING;
    }
  }

  #judgeWord(reading: Reading, sign: NextSign, at: number): Answer {
    const wordEnd = reading.runEnd(at, WORD, WORD_CHARS);
    if (reading.wants(wordEnd) && wordEnd - at < WORD_CHARS) return { kind: '', end: MORE };
    const secret = this.#judgeSecret(reading, at);
    if (secret.end !== NONE) return secret;
    const signed = this.#kinds.has('email') && (sign.from(at) - at < SIGN_CHARS || reading.wants(at, SIGN_CHARS));
    if (signed) {
      const end = email(reading, at);
      if (end !== NONE) return { kind: 'email', end };
    }
    return (reading.kind(at) & DIGIT) !== 0
      ? this.#judgeNumber(reading, at, wordEnd)
      : this.#judgeLettered(reading, at, wordEnd);
  }

  #judgeSecret(reading: Reading, at: number): Answer {
    const key = this.#keys?.find(reading, at);
    if (key !== undefined) return key;
    if (this.#kinds.has('jwt') && reading.text.charCodeAt(at) === 101) {
      const token = jsonWebToken(reading, at);
      if (token.end !== NONE) return { kind: 'jwt', ...token };
    }
    return this.#kinds.has('cloud_key') ? { kind: 'cloud_key', end: cloudSecret(reading, at) } : NOTHING;
  }

  #judgeNumber(reading: Reading, at: number, wordEnd: number): Answer {
    if (this.#kinds.has('ip_address')) {
      const end = reading.text[wordEnd] === ':' ? v6(reading, at, wordEnd) : ipv4(reading, at);
      if (end !== NONE) return { kind: 'ip_address', end };
    }
    if (this.#numbers) {
      const run = numberRun(reading, at);
      if (run === undefined) return { kind: '', end: MORE };
      const cardEnd = this.#kinds.has('card') ? card(reading, run) : NONE;
      if (cardEnd !== NONE) return { kind: 'card', end: cardEnd };
      const idEnd = this.#kinds.has('national_id') ? numericId(reading, run) : NONE;
      if (idEnd !== NONE) return { kind: 'national_id', end: idEnd };
    }
    return this.#kinds.has('phone') ? { kind: 'phone', end: phone(reading, at) } : NOTHING;
  }

  #judgeLettered(reading: Reading, at: number, wordEnd: number): Answer {
    if (this.#kinds.has('iban') && wordEnd - at >= 4) {
      const end = iban(reading, at);
      if (end !== NONE) return { kind: 'iban', end };
    }
    if (this.#kinds.has('national_id')) {
      const end = letteredId(reading, at, wordEnd);
      if (end !== NONE) return { kind: 'national_id', end };
    }
    if (this.#kinds.has('ip_address')) return { kind: 'ip_address', end: v6(reading, at, wordEnd) };
    return NOTHING;
  }
}

/** Behind a word or mark where nothing begins. A long word is gone through piece by piece. */
function afterPlace(reading: Reading, at: number): number {
  return Math.max(at + 1, reading.runEnd(at, WORD, WORD_CHARS));
}

function rest(reading: Reading, at: number, kind: string): Answer {
  const answer = kind === 'jwt' ? restOfToken(reading, at) : restOfKey(reading, at);
  return { kind, ...answer };
}

function v6(reading: Reading, at: number, wordEnd: number): number {
  return reading.text[wordEnd] === ':' && wordEnd - at <= 4 ? ipv6(reading, at) : NONE;
}

function doubleColon(reading: Reading, at: number): Answer {
  if (reading.wants(at, 1)) return { kind: '', end: MORE };
  return reading.text[at + 1] === ':' ? { kind: 'ip_address', end: ipv6(reading, at) } : NOTHING;
}

function markedPhone(reading: Reading, at: number): Answer {
  if (reading.wants(at, 1)) return { kind: '', end: MORE };
  return (reading.kind(at + 1) & DIGIT) !== 0 ? { kind: 'phone', end: phone(reading, at) } : NOTHING;
}
