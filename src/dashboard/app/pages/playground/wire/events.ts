/** A line of an answer longer than this is no event of text. */
const MOST_CHARACTERS = 16 * 1024 * 1024;

/** Cuts a stream of server-sent events into their data, however its pieces come. */
export class EventCutter {
  #rest = '';
  #data: string[] = [];

  /** The data of the events that are whole with this piece. */
  take(piece: string): string[] {
    this.#rest += piece;
    if (this.#rest.length > MOST_CHARACTERS) throw new Error('An event of the answer is too large.');
    const found: string[] = [];
    // A return at the very end may be half of a line's end.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') found.push(...this.#event());
      else if (line.startsWith('data:')) this.#data.push(line.slice(line.startsWith('data: ') ? 6 : 5));
    }
    return found;
  }

  #event(): string[] {
    const data = this.#data.join('\n');
    this.#data = [];
    return data === '' ? [] : [data];
  }
}
