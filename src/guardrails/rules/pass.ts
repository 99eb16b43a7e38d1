import type { PersonalKind, SecretKind } from '../../contract/guardrail.ts';
import { card } from './card.ts';
import { email } from './email.ts';
import { iban } from './iban.ts';
import { ipv4, ipv6 } from './ip-address.ts';
import { jsonWebToken, restOfToken } from './json-web-token.ts';
import { letteredId, numericId } from './national-id.ts';
import { digitsAhead, LEAST_DIGITS, numberRun } from './number-run.ts';
import { phone } from './phone.ts';
import { isCutEscape, NextSign, nextPlace } from './places.ts';
import { PlainWords } from './plain-words.ts';
import { privateKey, restOfKey } from './private-key.ts';
import { MORE, NONE } from './reading.ts';
import type { Reading } from './reading.ts';
import { botToken, cloudSecret } from './secret-keys.ts';
import type { KeyFinder } from './secret-keys.ts';
import { DIGIT, WORD } from './view.ts';

export type ScannedKind = PersonalKind | SecretKind;

/** A longer word is none of what begins with a word and ends with it; keys and tokens see to themselves. */
const WORD_CHARS = 512;
/** Local part and sign: an `@` further away makes no address of this word. */
const SIGN_CHARS = 68;

const COLON = 58;
const DASH = 45;

/** What is looked for. */
export interface Looks {
  email: boolean;
  phone: boolean;
  iban: boolean;
  card: boolean;
  nationalId: boolean;
  ipAddress: boolean;
  keys: KeyFinder | undefined;
  providerKey: boolean;
  cloudKey: boolean;
  privateKey: boolean;
  jwt: boolean;
}

/**
 * One reading of a text. `judge` gives where the match ends that begins at a place, `NONE` or `MORE`; what else there is to
 * say of it stands in the fields: an object for each word costs more than the word.
 */
export class Pass {
  readonly #looks: Looks;
  readonly #reading: Reading;
  readonly #sign: NextSign;
  readonly #plain: PlainWords;
  kind = '';
  /** The match outgrew the window and goes on. */
  open = false;
  /** Of the word that was judged, as far as it was read. */
  wordEnd = 0;

  constructor(looks: Looks, reading: Reading) {
    this.#looks = looks;
    this.#reading = reading;
    this.#sign = new NextSign(reading.text);
    const { email: looksForEmail, keys } = looks;
    this.#plain = new PlainWords(
      reading,
      (at) => (looksForEmail && this.#sign.from(at) - at < SIGN_CHARS) || keys?.mayBegin(reading, at) === true,
    );
  }

  /** The next place from `from` on that is to be judged, or the end of the text: plain words are passed over. */
  next(from: number): number {
    let at = from;
    for (;;) {
      const behind = this.#plain.pass(at);
      at = nextPlace(this.#reading, behind);
      // It is a place, and no plain word; else there was something else in between, and words may follow it.
      if (at === behind) return at;
    }
  }

  judge(at: number): number {
    const reading = this.#reading;
    this.open = false;
    if ((reading.kind(at) & WORD) !== 0) return this.#judgeWord(at);
    this.wordEnd = at;
    if (isCutEscape(reading, at)) return MORE;
    switch (reading.text.charCodeAt(at)) {
      case DASH:
        return this.#looks.privateKey ? this.#long('private_key', privateKey(reading, at)) : NONE;
      case COLON:
        return this.#looks.ipAddress ? this.#doubleColon(at) : NONE;
      default:
        return this.#looks.phone ? this.#markedPhone(at) : NONE;
    }
  }

  /** Of a match that outgrew the window. */
  rest(at: number, kind: string): number {
    return this.#long(kind, kind === 'jwt' ? restOfToken(this.#reading, at) : restOfKey(this.#reading, at));
  }

  #long(kind: string, { end, open }: { end: number; open: boolean }): number {
    this.kind = kind;
    this.open = open;
    return end;
  }

  #judgeWord(at: number): number {
    const reading = this.#reading;
    const wordEnd = reading.runEnd(at, WORD, WORD_CHARS);
    this.wordEnd = wordEnd;
    if (wordEnd - at < WORD_CHARS && reading.wants(wordEnd)) return MORE;
    const secret = this.#judgeSecret(at);
    if (secret !== NONE) return secret;
    if (this.#looks.email && (this.#sign.from(at) - at < SIGN_CHARS || reading.wants(at, SIGN_CHARS))) {
      this.kind = 'email';
      const end = email(reading, at);
      if (end !== NONE) return end;
    }
    return (reading.kind(at) & DIGIT) !== 0 ? this.#judgeNumber(at) : this.#judgeLettered(at);
  }

  #judgeSecret(at: number): number {
    const { keys, jwt, providerKey, cloudKey } = this.#looks;
    if (keys?.mayBegin(this.#reading, at) === true) {
      const key = keys.find(this.#reading, at);
      if (key !== undefined) {
        this.kind = key.kind;
        return key.end;
      }
    }
    if (jwt && this.#reading.text.charCodeAt(at) === 101) {
      const end = this.#long('jwt', jsonWebToken(this.#reading, at));
      if (end !== NONE) return end;
    }
    if (providerKey && this.#reading.text.charCodeAt(this.wordEnd) === COLON) {
      this.kind = 'provider_key';
      const end = botToken(this.#reading, at, this.wordEnd);
      if (end !== NONE) return end;
    }
    this.kind = 'cloud_key';
    return cloudKey ? cloudSecret(this.#reading, at) : NONE;
  }

  #judgeNumber(at: number): number {
    const reading = this.#reading;
    const looks = this.#looks;
    if (looks.ipAddress) {
      this.kind = 'ip_address';
      const end = reading.text.charCodeAt(this.wordEnd) === COLON ? this.#v6(at) : ipv4(reading, at);
      if (end !== NONE) return end;
    }
    if (digitsAhead(reading, at) < LEAST_DIGITS) return NONE;
    if (looks.card || looks.nationalId) {
      const end = this.#judgeRun(at);
      if (end !== NONE) return end;
    }
    this.kind = 'phone';
    return looks.phone ? phone(reading, at) : NONE;
  }

  #judgeRun(at: number): number {
    const run = numberRun(this.#reading, at);
    if (run === undefined) return MORE;
    this.kind = 'card';
    const cardEnd = this.#looks.card ? card(this.#reading, run) : NONE;
    if (cardEnd !== NONE) return cardEnd;
    this.kind = 'national_id';
    return this.#looks.nationalId ? numericId(this.#reading, run) : NONE;
  }

  #judgeLettered(at: number): number {
    const reading = this.#reading;
    const { iban: looksForIban, nationalId, ipAddress } = this.#looks;
    if (looksForIban && (reading.kind(at + 2) & DIGIT) !== 0) {
      this.kind = 'iban';
      const end = iban(reading, at);
      if (end !== NONE) return end;
    }
    if (nationalId) {
      this.kind = 'national_id';
      const end = letteredId(reading, at, this.wordEnd);
      if (end !== NONE) return end;
    }
    this.kind = 'ip_address';
    return ipAddress ? this.#v6(at) : NONE;
  }

  #v6(at: number): number {
    const isGroup = this.#reading.text.charCodeAt(this.wordEnd) === COLON && this.wordEnd - at <= 4;
    return isGroup ? ipv6(this.#reading, at) : NONE;
  }

  #doubleColon(at: number): number {
    if (this.#reading.wants(at, 1)) return MORE;
    this.kind = 'ip_address';
    return this.#reading.text.charCodeAt(at + 1) === COLON ? ipv6(this.#reading, at) : NONE;
  }

  #markedPhone(at: number): number {
    if (this.#reading.wants(at, 1)) return MORE;
    this.kind = 'phone';
    return (this.#reading.kind(at + 1) & DIGIT) !== 0 ? phone(this.#reading, at) : NONE;
  }
}
