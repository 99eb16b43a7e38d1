/** Deeper than arguments go; beyond it they are read as text. */
const DEPTH = 1000;

type Expected = 'value' | 'value_or_end' | 'key' | 'key_or_end' | 'colon' | 'comma_or_end';

/** What the next character outside of strings means in JSON that comes piece by piece. */
export type Step = 'space' | 'structure' | 'string' | 'bare' | 'malformed';

/** Follows the structure of JSON, one character at a time; values that stand one after the other are all right. */
export class JsonGrammar {
  readonly #open: ('object' | 'list')[] = [];
  #expected: Expected = 'value';

  /** A string or a bare word has ended. */
  ended(): void {
    if (this.#expected === 'key' || this.#expected === 'key_or_end') this.#expected = 'colon';
    else this.#afterValue();
  }

  step(character: string): Step {
    const expected = this.#expected;
    const atValue = expected === 'value' || expected === 'value_or_end';
    switch (character) {
      case ' ':
      case '\n':
      case '\r':
      case '\t':
        return 'space';
      case '"':
        return atValue || expected === 'key' || expected === 'key_or_end' ? 'string' : 'malformed';
      case '{':
      case '[':
        return atValue ? this.#begin(character === '{' ? 'object' : 'list') : 'malformed';
      case '}':
        return expected === 'key_or_end' || expected === 'comma_or_end' ? this.#close('object') : 'malformed';
      case ']':
        return expected === 'value_or_end' || expected === 'comma_or_end' ? this.#close('list') : 'malformed';
      case ':':
        return expected === 'colon' ? this.#expect('value') : 'malformed';
      case ',':
        if (expected !== 'comma_or_end') return 'malformed';
        return this.#expect(this.#open.at(-1) === 'object' ? 'key' : 'value');
      default:
        return atValue ? 'bare' : 'malformed';
    }
  }

  #begin(what: 'object' | 'list'): Step {
    if (this.#open.length >= DEPTH) return 'malformed';
    this.#open.push(what);
    return this.#expect(what === 'object' ? 'key_or_end' : 'value_or_end');
  }

  #close(what: 'object' | 'list'): Step {
    if (this.#open.at(-1) !== what) return 'malformed';
    this.#open.pop();
    this.#afterValue();
    return 'structure';
  }

  #expect(next: Expected): Step {
    this.#expected = next;
    return 'structure';
  }

  #afterValue(): void {
    this.#expected = this.#open.length === 0 ? 'value' : 'comma_or_end';
  }
}
