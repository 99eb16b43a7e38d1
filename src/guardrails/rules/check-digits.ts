/** Check digits of cards and ids. All take strings of ASCII digits of the right length. */

export function digitsOf(text: string): number[] {
  return Array.from(text, (char) => char.charCodeAt(0) - 48);
}

function weighted(digits: readonly number[], weights: readonly number[]): number {
  return weights.reduce((sum, weight, at) => sum + weight * (digits[at] ?? 0), 0);
}

export function luhn(digits: readonly number[]): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at++) {
    const digit = digits[digits.length - 1 - at] ?? 0;
    const value = at % 2 === 0 ? digit : digit * 2;
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

/** The remainder of a long number, digit by digit: it is more than a double holds. */
export function remainder(digits: readonly number[], by: number): number {
  return digits.reduce((rest, digit) => (rest * 10 + digit) % by, 0);
}

const VERHOEFF_MULTIPLY = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
  [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
  [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
  [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
  [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
  [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
  [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
  [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
  [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];
const VERHOEFF_PERMUTE = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
  [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
  [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
  [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
  [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
  [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
  [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

export function verhoeff(digits: readonly number[]): boolean {
  let state = 0;
  for (let at = 0; at < digits.length; at++) {
    const digit = digits[digits.length - 1 - at] ?? 0;
    state = VERHOEFF_MULTIPLY[state]?.[VERHOEFF_PERMUTE[at % 8]?.[digit] ?? 0] ?? 0;
  }
  return state === 0;
}

/** ISO 7064, MOD 11,10: the last digit checks the others. */
function mod1110(digits: readonly number[]): boolean {
  let product = 10;
  for (const digit of digits.slice(0, -1)) {
    const sum = (digit + product) % 10;
    product = ((sum === 0 ? 10 : sum) * 2) % 11;
  }
  return (11 - product) % 10 === digits.at(-1);
}

/** Of ISBN, EAN and whatever else bears that check digit: every second digit counts for three. */
export function articleNumber(digits: readonly number[]): boolean {
  const sum = digits.reduce((total, digit, at) => total + digit * (at % 2 === 0 ? 1 : 3), 0);
  return digits.length === 13 && sum % 10 === 0;
}

/** The check digits at the end of a Brazilian CPF. */
export function cpf(digits: readonly number[]): boolean {
  if (digits.every((digit) => digit === digits[0])) return false;
  const first = (weighted(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10) % 11;
  const second = (weighted(digits, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10) % 11;
  return first % 10 === digits[9] && second % 10 === digits[10];
}

export function nhs(digits: readonly number[]): boolean {
  if (digits.every((digit) => digit === digits[0])) return false;
  return (11 - (weighted(digits, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11 === digits[9];
}

export function bsn(digits: readonly number[]): boolean {
  return digits.some((digit) => digit !== 0) && weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0;
}

export function nif(digits: readonly number[]): boolean {
  const rest = weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2]) % 11;
  return (rest < 2 ? 0 : 11 - rest) === digits[8];
}

export function pesel(digits: readonly number[]): boolean {
  return (10 - (weighted(digits, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)) % 10 === digits[10];
}

/** German tax id: of the first ten digits exactly one stands more than once, two or three times. */
export function steuerId(digits: readonly number[]): boolean {
  if (digits[0] === 0) return false;
  const times = Array.from({ length: 10 }, () => 0);
  for (const digit of digits.slice(0, 10)) times[digit] = (times[digit] ?? 0) + 1;
  const more = times.filter((count) => count > 1);
  return more.length === 1 && (more[0] ?? 0) <= 3 && mod1110(digits);
}

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whether there is such a day in some year: the century is rarely told. */
export function isDay(month: number, day: number): boolean {
  return day >= 1 && day <= (DAYS[month - 1] ?? 0);
}
