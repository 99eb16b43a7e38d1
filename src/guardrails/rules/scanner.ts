import { CONTEXT_CHARS } from '../detector.ts';
import type { Found, TextDetector, TextMatch } from '../detector.ts';
import { Pass } from './pass.ts';
import type { Looks, ScannedKind } from './pass.ts';
import { isInWord } from './places.ts';
import { MORE, NONE, Reading } from './reading.ts';
import { KeyFinder } from './secret-keys.ts';
import { endOf, indexOf, unitAt, viewOf, WORD } from './view.ts';

/**
 * Finds personal data and secrets in one pass: what can begin only at the beginning of a word, or with a mark of its own,
 * is looked for there and nowhere else. Each finder reads from such a place on, as far as its longest match and the two
 * characters behind it, and says `MORE` where the text ends before it could decide; the pass stops there. So what is found
 * depends on the text alone, and what is held back is the last word, number or key.
 *
 * A private key or a token that outgrows the window is found in pieces of the window's length, each a match of its own.
 */
export class Scanner implements TextDetector {
  readonly #looks: Looks;

  constructor(kinds: readonly ScannedKind[]) {
    const has = new Set<string>(kinds);
    const keys = kinds.filter((kind) => kind === 'provider_key' || kind === 'cloud_key');
    this.#looks = {
      email: has.has('email'),
      phone: has.has('phone'),
      iban: has.has('iban'),
      card: has.has('card'),
      nationalId: has.has('national_id'),
      ipAddress: has.has('ip_address'),
      keys: keys.length > 0 ? new KeyFinder(keys) : undefined,
      providerKey: has.has('provider_key'),
      cloudKey: has.has('cloud_key'),
      privateKey: has.has('private_key'),
      jwt: has.has('jwt'),
    };
  }

  find(text: string, from: number, atEnd: boolean, open?: string): Found {
    const view = viewOf(text, Math.max(0, from - CONTEXT_CHARS));
    const reading = new Reading(view.text, atEnd, view.indices);
    const pass = new Pass(this.#looks, reading);
    const matches: TextMatch[] = [];
    let at = unitAt(view, from);
    let goesOn = open;
    if (goesOn === undefined) at = behindWord(reading, at);
    for (;;) {
      if (goesOn === undefined) at = pass.next(at);
      if (goesOn === undefined && at === reading.end) break;
      const end = goesOn === undefined ? pass.judge(at) : pass.rest(at, goesOn);
      if (end === MORE) return { matches, settled: indexOf(view, at), open: goesOn };
      goesOn = end !== NONE && pass.open ? pass.kind : undefined;
      if (end === NONE) at = behindWord(reading, Math.max(at + 1, pass.wordEnd));
      else {
        if (end > at) matches.push({ start: indexOf(view, at), end: endOf(view, end), kind: pass.kind });
        at = goesOn === undefined ? behindWord(reading, end) : end;
      }
    }
    return { matches, settled: atEnd ? text.length : Math.max(from, endOf(view, reading.end)) };
  }
}

/** The rest of a word that was judged up to `at` begins nothing. */
function behindWord(reading: Reading, at: number): number {
  return isInWord(reading, at) ? reading.runEnd(at, WORD, Infinity) : at;
}
