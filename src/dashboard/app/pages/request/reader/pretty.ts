/** Deeper levels stand below each other: ten thousand brackets would be a screen's width of nothing each. */
const DEEPEST_INDENT = 40;
/** A text that grows beyond this is shown as it came. */
const MOST_CHARACTERS = 200_000_000;
const PIECES_AT_ONCE = 20_000;

const INDENTS = Array.from({ length: DEEPEST_INDENT + 1 }, (_, depth) => `\n${'  '.repeat(depth)}`);

/**
 * JSON text, laid out. Works on the text and not on its value: numbers keep their digits, doubled keys stay, and depth
 * costs no stack. Undefined where the text is no JSON.
 */
export function prettyJson(text: string): string | undefined {
  if (!isJson(text)) return undefined;
  const out = new Pieces();
  let depth = 0;
  for (let at = 0; at < text.length;) {
    const character = text[at] ?? '';
    if (character === '"') {
      const end = stringEnd(text, at);
      out.add(text.slice(at, end));
      at = end;
    } else if (character === '{' || character === '[') {
      const next = skipSpace(text, at + 1);
      if (text[next] === '}' || text[next] === ']') {
        out.add(character + (text[next] ?? ''));
        at = next + 1;
        continue;
      }
      depth += 1;
      out.add(character + indent(depth));
      at += 1;
    } else if (character === '}' || character === ']') {
      depth -= 1;
      out.add(indent(depth) + character);
      at += 1;
    } else if (character === ',') {
      out.add(`,${indent(depth)}`);
      at += 1;
    } else if (character === ':') {
      out.add(': ');
      at += 1;
    } else if (isSpace(character)) at += 1;
    else {
      const end = wordEnd(text, at);
      out.add(text.slice(at, end));
      at = end;
    }
    if (out.characters > MOST_CHARACTERS) return undefined;
  }
  return out.joined();
}

/** Joins what is many small strings, some at a time: an array of them all would be larger than the text. */
class Pieces {
  characters = 0;
  #whole = '';
  #pieces: string[] = [];

  add(piece: string): void {
    this.characters += piece.length;
    if (this.#pieces.push(piece) >= PIECES_AT_ONCE) this.#flush();
  }
  joined(): string {
    this.#flush();
    return this.#whole;
  }
  #flush(): void {
    this.#whole += this.#pieces.join('');
    this.#pieces = [];
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function indent(depth: number): string {
  return INDENTS[Math.min(depth, DEEPEST_INDENT)] ?? '';
}

function isSpace(character: string): boolean {
  return character === ' ' || character === '\n' || character === '\t' || character === '\r';
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text[at] ?? '')) at += 1;
  return at;
}

/** Behind the closing quote of the string that begins at `from`. */
function stringEnd(text: string, from: number): number {
  let at = from + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote === -1) return text.length;
    let slashes = 0;
    while (text[quote - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

/** Behind a number, `true`, `false` or `null`. */
function wordEnd(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && !/[\s,:\]}]/.test(text[at] ?? ' ')) at += 1;
  return at;
}
