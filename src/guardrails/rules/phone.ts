import { MORE, NONE } from './reading.ts';
import type { Reading } from './reading.ts';
import { DIGIT, WORD } from './view.ts';

const PHONE_CHARS = 26;

function isMark(code: number): boolean {
  // Digits, space, ( ) - . /
  return (code >= 45 && code <= 57) || code === 32 || code === 40 || code === 41;
}

/** With the country's code: `+49 (0)30 123456`, `0049 30 123456`. */
const INTERNATIONAL = /^(?:\+|00)(?=[1-9])\d{1,3}(?:[ ./-]?\(\d{1,4}\)|[ ./-]?\d{1,12}){1,7}/;
/** North America: `(415) 555-2671`, `1-415-555-2671`. */
const AMERICAN = /^(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}([-. ]))[2-9]\d{2}(?:\1|[-. ])\d{4}/;
/** Elsewhere, with a zero in front, in groups: `030/1234567`, `06 12 34 56 78`, `(020) 7946 0958`; in Brazil
 * `(11) 91234-5678`. `02139-4307` is a ZIP code more often. */
const NATIONAL =
  /^(?:\(0\d{1,4}\)[ -]?|(?!0\d{4}-\d{4}(?!\d))0\d{1,4}[ /-])\d{2,8}(?:[ -]\d{2,6}){0,4}|^0\d(?:[ .]\d{2}){4}|^\([1-9]\d\) ?9\d{4}-\d{4}/;
/** Anything, behind a word that says so. */
const TOLD = /^\(?\d{2,5}\)?(?:[ ./-]?\d{2,12}){1,5}|^\d{7,15}/;
const WORDS =
  /(?:(?:\b|_)(?:t[ée]l|tel(?:ephone)?|phone|ph|mobile?|mob|cell|call|contact|fax|whatsapp|sms|hotline|handy|telefon\w*|mobil\w*|rufnummer|t[ée]l[ée]phone|portable|m[óo]vil|tel[ée]fono|telem[óo]vel|celular|cellulare|puhelin|my number)(?:[ _-]?(?:no|nr|num|number|nummer))?(?![a-z_])|(?<!i|micro|head)phones?(?:[ _-]?(?:no|num|number))?(?![a-z_])|電話|电话|手机|手機|телефон)(?:(?!\bid\b)[^\d\n]){0,12}$/i;

/** The end of the phone number that begins at `at`: a digit at the beginning of a word, `+` or `(`. */
export function phone(reading: Reading, at: number): number {
  const limit = Math.min(reading.end, at + PHONE_CHARS);
  let to = at + 1;
  while (to < limit && isMark(reading.text.charCodeAt(to))) to += 1;
  if (reading.wants(to, 2)) return MORE;
  const piece = reading.text.slice(at, to);
  if (isJoined(reading, at)) return NONE;
  for (const form of [INTERNATIONAL, AMERICAN, NATIONAL]) {
    const end = fits(reading, at, form.exec(piece)?.[0], form === INTERNATIONAL ? 8 : 9);
    if (end !== NONE) return end;
  }
  return WORDS.test(reading.before(at)) ? fits(reading, at, TOLD.exec(piece)?.[0], 7) : NONE;
}

function digitCount(text: string): number {
  return text.replace(/\D/g, '').length;
}

function isJoined(reading: Reading, at: number): boolean {
  const before = reading.text[at - 1] ?? ' ';
  if (/[-./+#$€£%=]/.test(before))
    return !/(?:tel:|=|\/\/)$/i.test(reading.before(at)) || (reading.kind(at - 2) & DIGIT) !== 0;
  return (
    before === ' ' &&
    /\d[ .,]$/.test(reading.before(at).slice(-2)) &&
    reading.text[at] !== '+' &&
    reading.text[at] !== '('
  );
}

function fits(reading: Reading, at: number, found: string | undefined, least: number): number {
  if (found === undefined) return NONE;
  const digits = digitCount(found);
  const end = at + found.length;
  if (digits < least || digits > 15 || (reading.kind(end) & WORD) !== 0) return NONE;
  const next = reading.text[end];
  if ((next === '-' || next === '.' || next === '/') && (reading.kind(end + 1) & WORD) !== 0) return NONE;
  return isDate(found) ? NONE : end;
}

function isDate(text: string): boolean {
  return /^(?:\d{4}[-./ ]\d{2}[-./ ]\d{2}|\d{2}[-./]\d{2}[-./]\d{4})(?!\d)/.test(text);
}
