/**
 * Go's `path.Match`, which `model_cost_map[].match` is documented to be: `*` any run of characters but `/`, `?` one of
 * them, `[a-z]` and `[^a-z]` classes, `\` takes the next character literally. A malformed pattern matches nothing.
 * Takes at most pattern x name steps: only the last star is ever tried again.
 */
export function globMatches(pattern: string, name: string): boolean {
  const items = parse(pattern);
  if (items === undefined) return false;
  const text = Array.from(name);
  let at = 0;
  let item = 0;
  let star = -1;
  let starAt = 0;
  while (at < text.length || item < items.length) {
    const want = items[item];
    const have = text[at];
    if (want === 'star') {
      star = item;
      starAt = at;
      item += 1;
    } else if (want !== undefined && have !== undefined && takes(want, have)) {
      item += 1;
      at += 1;
    } else {
      const swallowed = text[starAt];
      if (star < 0 || swallowed === undefined || swallowed === '/') return false;
      starAt += 1;
      at = starAt;
      item = star + 1;
    }
  }
  return true;
}

type Item = 'star' | 'any' | { literal: string } | { ranges: [string, string][]; negated: boolean };

function takes(item: Exclude<Item, 'star'>, character: string): boolean {
  if (item === 'any') return character !== '/';
  if ('literal' in item) return character === item.literal;
  const inside = item.ranges.some(([low, high]) => low <= character && character <= high);
  return inside !== item.negated;
}

/** Undefined where Go says ErrBadPattern. */
function parse(pattern: string): Item[] | undefined {
  const characters = Array.from(pattern);
  const items: Item[] = [];
  let at = 0;
  while (at < characters.length) {
    const character = characters[at] ?? '';
    at += 1;
    if (character === '*') {
      if (items.at(-1) !== 'star') items.push('star');
    } else if (character === '?') {
      items.push('any');
    } else if (character === '\\') {
      const literal = characters[at];
      if (literal === undefined) return undefined;
      items.push({ literal });
      at += 1;
    } else if (character === '[') {
      const parsed = parseClass(characters, at);
      if (parsed === undefined) return undefined;
      items.push(parsed.item);
      at = parsed.next;
    } else {
      items.push({ literal: character });
    }
  }
  return items;
}

function parseClass(characters: string[], from: number): { item: Item; next: number } | undefined {
  let at = from;
  const negated = characters[at] === '^';
  if (negated) at += 1;
  const ranges: [string, string][] = [];
  /** One end of a range; `-` and `]` need a backslash, as in Go. */
  const end = (): string | undefined => {
    const escaped = characters[at] === '\\';
    if (escaped) at += 1;
    const character = characters[at];
    if (character === undefined || (!escaped && (character === '-' || character === ']'))) return undefined;
    at += 1;
    return character;
  };
  while (ranges.length === 0 || characters[at] !== ']') {
    const low = end();
    if (low === undefined) return undefined;
    let high: string | undefined = low;
    if (characters[at] === '-') {
      at += 1;
      high = end();
    }
    if (high === undefined) return undefined;
    ranges.push([low, high]);
  }
  return { item: { ranges, negated }, next: at + 1 };
}
