import {
  articleNumber,
  bsn,
  cpf,
  digitsOf,
  isDay,
  luhn,
  nhs,
  nif,
  pesel,
  remainder,
  steuerId,
  verhoeff,
} from './check-digits.ts';
import { digitsTo, endsAt, followsGroup, shapeTo } from './number-run.ts';
import type { NumberRun } from './number-run.ts';
import { MORE, NONE } from './reading.ts';
import type { Reading } from './reading.ts';
import { ALNUM, WORD } from './view.ts';

/** How ids of one kind are written. */
interface IdForm {
  /** Lengths of the groups and what parts them, as `shapeTo` says it. */
  shapes: string[];
  /** Shapes that many other numbers have: they count only behind one of `words`. */
  weak?: string[];
  words: RegExp;
  check: (digits: number[], text: string) => boolean;
}

const ANY_ID = String.raw`\btax[ _-]?(?:id|number|no)|\bnational[ _-]?id|\bid[ _-]?(?:number|no|card)|\bidentity|personal[ _-]?(?:id|number)`;

function words(own: string): RegExp {
  return new RegExp(`(?:${own}|${ANY_ID})`, 'i');
}

const DNI_LETTERS = 'TRWAGMYFPDXBNJZSQVHLCKE';
const HETU_LETTERS = '0123456789ABCDEFHJKLMNPRSTUVWXY';

const FORMS: IdForm[] = [
  {
    // Swiss AHV number: a country's prefix, and the check digit of an article number.
    shapes: ['3.4.4.2'],
    weak: ['13'],
    words: words('\\bahv|\\bavs\\b|sozialversicherung|assurance[ _-]?vieillesse'),
    check: (digits) => number(digits, 0, 3) === 756 && articleNumber(digits),
  },
  {
    // US social security number, as issued since 2011.
    shapes: ['3-2-4'],
    weak: ['9', '3 2 4', '3.2.4'],
    words: words('(?:\\b|_)ssn|social[ _-]?security|\\bitin'),
    check: (digits) => {
      const [area, group, serial] = [number(digits, 0, 3), number(digits, 3, 5), number(digits, 5, 9)];
      return area !== 0 && area !== 666 && area < 900 && group !== 0 && serial !== 0;
    },
  },
  {
    // Spanish DNI: eight digits and the letter of their remainder.
    shapes: ['8A', '8-A', '2.3.3-A', '2.3.3A'],
    words: words('\\bdni|\\bnif|documento'),
    check: (digits, text) => DNI_LETTERS[remainder(digits, 23)] === text.at(-1)?.toUpperCase(),
  },
  {
    // Polish PESEL; the century is in the month.
    shapes: ['11'],
    words: words('\\bpesel'),
    check: (digits) => pesel(digits) && isDay(number(digits, 2, 4) % 20, number(digits, 4, 6)),
  },
  {
    // Dutch BSN.
    shapes: ['4.2.3'],
    weak: ['9', '3 3 3', '3.3.3', '4 2 3', '8'],
    words: words('\\bbsn|burgerservice|sofi'),
    check: (digits) => bsn(digits.length === 8 ? [0, ...digits] : digits),
  },
  {
    // Brazilian CPF: two check digits.
    shapes: ['3.3.3-2', '11', '9-2'],
    words: words('\\bcpf|cadastro'),
    check: cpf,
  },
  {
    // French NIR; 2A and 2B are Corsica.
    shapes: ['1 2 2 2 3 3 2', '15', '13 2', '1 2 2 1A 3 3 2', '6A8', '6A6 2'],
    words: words('\\bnir\\b|s[ée]curit[ée] sociale'),
    check: nir,
  },
  {
    // German tax id.
    shapes: ['11', '2 3 3 3'],
    words: words('steuer|identifikationsnummer|\\bidnr'),
    check: steuerId,
  },
  {
    // Finnish HETU: the sign is the century.
    shapes: ['6-4', '6-3A', '6+4', '6+3A', '6A4', '6A3A'],
    words: words('hetu|henkil'),
    check: hetu,
  },
  {
    // Swedish personnummer, and samordningsnummer, whose day is higher by 60.
    shapes: ['6-4', '6+4', '8-4', '12'],
    weak: ['10'],
    words: words('person(?:nummer|nr)|samordning|\\bpnr'),
    check: personnummer,
  },
  {
    // British NHS number.
    shapes: ['3 3 4'],
    weak: ['10', '3-3-4'],
    words: words('\\bnhs'),
    check: nhs,
  },
  {
    // Indian Aadhaar.
    shapes: ['4 4 4', '4-4-4'],
    weak: ['12'],
    words: words('a+dha+r|\\buid(?:ai)?\\b|आधार'),
    check: (digits) => (digits[0] ?? 0) >= 2 && verhoeff(digits),
  },
  {
    // Belgian national number; births since 2000 are checked with a 2 in front.
    shapes: ['2.2.2-3.2', '11', '2 2 2 3 2', '6-3-2', '2.2.2.3.2', '6 3 2'],
    words: words('rijksregister|registre national|\\binsz|\\bniss'),
    check: belgian,
  },
  {
    // Portuguese NIF.
    shapes: ['3 3 3'],
    weak: ['9', '3.3.3'],
    words: words('\\bnif|contribuinte|fiscal'),
    check: (digits) => [1, 2, 3, 5, 6, 8, 9].includes(digits[0] ?? 0) && nif(digits),
  },
  {
    // Canadian SIN.
    shapes: ['3-3-3', '3 3 3'],
    weak: ['9'],
    words: words('\\bsin\\b|social[ _-]?insurance|\\bnas\\b'),
    check: (digits) => digits[0] !== 0 && digits[0] !== 8 && luhn(digits),
  },
];

function number(digits: readonly number[], from: number, to: number): number {
  return Number(digits.slice(from, to).join(''));
}

function nir(digits: number[], text: string): boolean {
  // The letters of Corsica stand for a 9 and count for less.
  const corsica = /[AB]/i.exec(text)?.[0].toUpperCase();
  const all = corsica === undefined ? digits : [...digits.slice(0, 6), corsica === 'A' ? 9 : 8, ...digits.slice(6)];
  const plain = corsica === undefined ? all : [...digits.slice(0, 6), corsica === 'A' ? 9 : 8, ...digits.slice(6)];
  const month = number(all, 3, 5);
  if (![1, 2, 3, 4, 7, 8].includes(all[0] ?? 0) || month === 0 || (month > 12 && month < 20)) return false;
  return 97 - remainder(plain.slice(0, 13), 97) === number(all, 13, 15);
}

function hetu(digits: number[], text: string): boolean {
  const sign = text[6] ?? '';
  const check = text.at(-1)?.toUpperCase();
  if (!/[-+A-FU-Y]/i.test(sign) || !isDay(number(digits, 2, 4), number(digits, 0, 2))) return false;
  const serial = text.slice(7, 10);
  if (Number(serial) < 2) return false;
  return HETU_LETTERS[Number(text.slice(0, 6) + serial) % 31] === check;
}

function personnummer(digits: number[]): boolean {
  if (digits.length === 12 && !/^(?:18|19|20)/.test(digits.join(''))) return false;
  const ten = digits.slice(-10);
  const day = number(ten, 4, 6);
  return isDay(number(ten, 2, 4), day > 60 ? day - 60 : day) && luhn(ten);
}

function belgian(digits: number[]): boolean {
  const check = number(digits, 9, 11);
  const month = number(digits, 2, 4) % 20;
  if (month > 12 || number(digits, 4, 6) > 31) return false;
  const born = digits.slice(0, 9);
  return 97 - remainder(born, 97) === check || 97 - remainder([2, ...born], 97) === check;
}

/** By shape, and whether it needs a word in front. */
const BY_SHAPE = new Map<string, { form: IdForm; weak: boolean }[]>();
for (const form of FORMS) {
  for (const shape of form.shapes) BY_SHAPE.set(shape, [...(BY_SHAPE.get(shape) ?? []), { form, weak: false }]);
  for (const shape of form.weak ?? []) BY_SHAPE.set(shape, [...(BY_SHAPE.get(shape) ?? []), { form, weak: true }]);
}

/** Of an id, with what parts it. */
const LEAST_CHARS = 8;

/** The end of the id that a run begins with. */
export function numericId(reading: Reading, run: NumberRun): number {
  const first = run.groups[0];
  if (run.joined || first === undefined) return NONE;
  for (let index = Math.min(run.groups.length, 7) - 1; index >= 0; index--) {
    const end = run.groups[index]?.end ?? 0;
    // No id is shorter; nearly all numbers are.
    if (end - first.start < LEAST_CHARS) return NONE;
    const forms = BY_SHAPE.get(shapeTo(reading, run, index));
    if (forms === undefined || !endsAt(reading, run, index)) continue;
    const digits = digitsTo(reading, run, index);
    const text = reading.text.slice(first.start, end);
    const fits = forms.some(
      ({ form, weak }) => form.check(digits, text) && (!weak || form.words.test(reading.before(first.start))),
    );
    if (fits && !isOtherwise(reading, run, index)) return end;
  }
  return NONE;
}

/** What tells that a number is a telephone's, whatever its check digit says. */
const TELEPHONE = /(?:\+|\+\d{1,3}[ .-]\(?|\b(?:tel|phone|telefon[eo]?|mobile?|cell|call|fax|whatsapp)\W{1,3})$/i;

/** Whether an id's groups belong to a telephone number, or to more groups of four: every tenth number passes a check by chance. */
function isOtherwise(reading: Reading, run: NumberRun, index: number): boolean {
  const [first, second] = run.groups;
  if (TELEPHONE.test(reading.before(first?.start ?? 0))) return true;
  if (first === undefined || second === undefined || first.end - first.start !== 4) return false;
  const next = run.groups[index + 1];
  return (next !== undefined && next.separator === second.separator) || followsGroup(reading, first.start);
}

const NIE = /^[XYZ]-?\d{7}-?[A-Z](?![A-Z0-9_])/i;
const NIE_CHARS = 11;
const NINO =
  /^(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]([ -]?)\d{2}\1\d{2}\1\d{2}\1[A-D](?![A-Za-z0-9_])/;
const NINO_LOWER = /\bnino\b|national[ _-]?insurance|\bni(?:[ _-]?(?:number|no)|: ?$)/i;
const NINO_CHARS = 13;
const CODICE = /^[A-Z]{6}[\dLMNPQRSTUV]{2}[A-EHLMPRST][\dLMNPQRSTUV]{2}[A-Z][\dLMNPQRSTUV]{3}[A-Z](?![A-Z0-9_])/i;
const CODICE_CHARS = 16;

/** The end of the id that begins with letters at `at`, the beginning of a word that ends at `wordEnd`. */
export function letteredId(reading: Reading, at: number, wordEnd: number): number {
  const { text } = reading;
  const chars = wordEnd - at;
  const letter = text.charCodeAt(at) & ~32;
  if (letter >= 88 && letter <= 90) {
    // X, Y, Z
    const end = nie(reading, at);
    if (end !== NONE) return end;
  }
  if (chars === CODICE_CHARS) return codice(reading, at);
  return chars === 2 || chars === 9 ? nino(reading, at, wordEnd) : NONE;
}

function nie(reading: Reading, at: number): number {
  const end = reading.runEnd(at + 1, ALNUM, NIE_CHARS);
  if (reading.text[at + 1] !== '-' && end - at < 8) return NONE;
  if (runsOut(reading, at, NIE_CHARS + 1)) return MORE;
  const found = NIE.exec(reading.text.slice(at, at + NIE_CHARS + 2))?.[0];
  if (found === undefined) return NONE;
  const plain = found.replaceAll('-', '').toUpperCase();
  const digits = digitsOf(String('XYZ'.indexOf(plain.charAt(0))) + plain.slice(1, 8));
  return DNI_LETTERS[remainder(digits, 23)] === plain.at(-1) ? at + found.length : NONE;
}

function nino(reading: Reading, at: number, wordEnd: number): number {
  const { text } = reading;
  const separator = text.charCodeAt(at + 2);
  // Two letters, then digits: at once, or behind a space or dash.
  if (wordEnd - at === 2 ? separator !== 32 && separator !== 45 : wordEnd - at !== 9) return NONE;
  if (runsOut(reading, at, NINO_CHARS + 1)) return MORE;
  const piece = text.slice(at, at + NINO_CHARS + 1);
  const found = NINO.exec(piece)?.[0];
  if (found !== undefined) return at + found.length;
  const lower = NINO.exec(piece.toUpperCase())?.[0];
  return lower !== undefined && NINO_LOWER.test(reading.before(at)) ? at + lower.length : NONE;
}

/** Whether the text ends before `chars` were seen, and is so far what an id is made of. */
function runsOut(reading: Reading, at: number, chars: number): boolean {
  if (!reading.wants(at, chars)) return false;
  const rest = reading.text.slice(at + 2);
  return /^[ -]?(?:\d[\d -]*[A-Za-z]?[ -]?)?$/.test(rest);
}

/** Of the characters at odd places, the value of each in the sum. */
const CODICE_ODD = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

function codice(reading: Reading, at: number): number {
  const found = CODICE.exec(reading.text.slice(at, at + CODICE_CHARS + 1))?.[0].toUpperCase();
  if (found === undefined || (reading.kind(at + CODICE_CHARS) & WORD) !== 0) return NONE;
  let sum = 0;
  for (let place = 0; place < CODICE_CHARS - 1; place++) {
    const code = found.charCodeAt(place);
    const value = code < 65 ? code - 48 : code - 65;
    sum += place % 2 === 0 ? (CODICE_ODD[value] ?? 0) : value;
  }
  return sum % 26 === found.charCodeAt(CODICE_CHARS - 1) - 65 ? at + CODICE_CHARS : NONE;
}
