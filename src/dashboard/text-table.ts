/** Cells under their heads for a terminal, between rules; the first `names` columns stand left, numbers right. */
export function textTable(
  heads: readonly string[],
  body: readonly (readonly string[])[],
  foot: readonly string[],
  names: number,
): string[] {
  const widths = heads.map((head, at) =>
    Math.max(...[head, ...[...body, foot].map((row) => row[at] ?? '')].map(columnsOf)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => pad(cell, widths[at] ?? 0, at < names))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(heads), rule, ...body.map(line), rule, line(foot)];
}

/** Names come from clients: what would move the cursor or colour the terminal is shown as a box. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u25a1');
}

export function thousands(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Nanodollars as dollars with six decimals, rounded half to even. */
export function dollars(nanodollars: string): string {
  const nano = BigInt(nanodollars);
  const rest = nano % 1000n;
  const micro = nano / 1000n;
  const up = rest > 500n || (rest === 500n && micro % 2n === 1n);
  const digits = (micro + (up ? 1n : 0n)).toString().padStart(7, '0');
  return `$${thousands(digits.slice(0, -6))}.${digits.slice(-6)}`;
}

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u;

/** Columns of a terminal that the text takes. */
function columnsOf(text: string): number {
  let columns = 0;
  for (const { segment } of segmenter.segment(text)) columns += WIDE.test(segment) ? 2 : 1;
  return columns;
}

function pad(text: string, width: number, left: boolean): string {
  const space = ' '.repeat(Math.max(0, width - columnsOf(text)));
  return left ? text + space : space + text;
}
