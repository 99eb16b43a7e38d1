import { MORE, NONE } from './reading.ts';
import type { Reading } from './reading.ts';
import { ALNUM, DIGIT } from './view.ts';

/** Lengths of the SWIFT IBAN registry, by country. */
const LENGTHS = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 ' +
    'FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 ' +
    'LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 ' +
    'RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** The end of the account number that begins at `at`, the beginning of a word of two letters and two digits or more. */
export function iban(reading: Reading, at: number): number {
  const { text } = reading;
  const length = LENGTHS.get(text.slice(at, at + 2).toUpperCase());
  if (length === undefined || (reading.kind(at + 2) & reading.kind(at + 3) & DIGIT) === 0) return NONE;
  const end = endOfAccount(reading, at, length);
  if (end <= 0) return end;
  if (reading.wants(end)) return MORE;
  return reading.wordEnds(end) && checks(text.slice(at, end)) ? end : NONE;
}

/** Takes `length` letters and digits, single spaces or dashes between them left out. */
function endOfAccount(reading: Reading, at: number, length: number): number {
  let to = at;
  for (let taken = 0; taken < length; to++) {
    if (to >= reading.end) return reading.atEnd ? NONE : MORE;
    if ((reading.kind(to) & ALNUM) !== 0) taken += 1;
    else if (!parts(reading.text.charCodeAt(to)) || (reading.kind(to - 1) & ALNUM) === 0) return NONE;
  }
  return to;
}

function parts(code: number): boolean {
  return code === 32 || code === 45 || code === 46;
}

/** ISO 7064, MOD 97,10 over the rearranged number. */
function checks(account: string): boolean {
  const plain = account.replace(/[ .-]/g, '').toUpperCase();
  const check = Number(plain.slice(2, 4));
  if (check < 2 || check > 98) return false;
  let rest = 0;
  for (const char of plain.slice(4) + plain.slice(0, 4)) {
    const value = char <= '9' ? char.charCodeAt(0) - 48 : char.charCodeAt(0) - 55;
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}
