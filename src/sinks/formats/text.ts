/** At most so many characters, the last of them `…` where there were more. */
export function cutText(text: string, characters: number): string {
  if (text.length <= characters) return text;
  // By whole characters: half of a pair is none.
  return `${Array.from(text.slice(0, 2 * characters))
    .slice(0, characters - 1)
    .join('')}…`;
}

/**
 * Characters that act rather than show (terminals, text direction), halves of pairs, and what Unicode has not assigned:
 * relays write lines into files that people look at.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu, '\ufffd');
}
