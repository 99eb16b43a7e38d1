/** Rows of a text as a screen shows them: lines, and what of a long line does not fit goes on in the next row. */
export interface Rows {
  /** Where each row begins, in characters. */
  starts: Uint32Array<ArrayBuffer>;
  /** The number of the line that each row is of, from 1. */
  lines: Uint32Array<ArrayBuffer>;
  /** Where the text ends that these rows show. */
  end: number;
}

/** A browser cannot lay out an element that is taller than some thirty million pixels. */
const MOST_ROWS = 1_200_000;

export function rowsOf(text: string, columns: number, most = MOST_ROWS): Rows {
  const [starts, lines] = [new Growing(), new Growing()];
  let line = 0;
  for (let from = 0; ;) {
    line += 1;
    const feed = text.indexOf('\n', from);
    const end = feed === -1 ? text.length : feed;
    let at = from;
    do {
      starts.push(at);
      lines.push(line);
      at = cutAt(text, at + columns);
    } while (at < end && starts.length < most);
    from = end + 1;
    const shown = Math.min(text.length, at < end ? at : from);
    if (feed === -1 || starts.length >= most) return { starts: starts.done(), lines: lines.done(), end: shown };
  }
}

/** Never between the halves of a character. */
function cutAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? at + 1 : at;
}

/** The text of a row, without the feed at its end. */
export function rowText(text: string, { starts, end }: Rows, row: number): string {
  const from = starts[row] ?? 0;
  let to = starts[row + 1] ?? end;
  if (text[to - 1] === '\n' && to > from) to -= 1;
  if (text[to - 1] === '\r' && to > from) to -= 1;
  return text.slice(from, to);
}

/** The row that a place of the text is in. */
export function rowAt({ starts }: Rows, place: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((starts[middle] ?? 0) <= place) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Numbers in a block that doubles: an array of a million numbers takes several times as much. */
class Growing {
  length = 0;
  #numbers = new Uint32Array(1024);

  push(value: number): void {
    if (this.length === this.#numbers.length) {
      const larger = new Uint32Array(this.#numbers.length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.length] = value;
    this.length += 1;
  }
  done(): Uint32Array<ArrayBuffer> {
    return this.#numbers.slice(0, this.length);
  }
}
