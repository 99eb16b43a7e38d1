import type { Api } from '../contract/api.ts';
import type { Fault } from '../contract/fault.ts';
import type { BodyFields, FieldSpan } from '../contract/messages.ts';
import { IN_SCHEMAS, isGemini, KEY_BYTES, modelPlaces, usedKey } from './body-keys.ts';
import type { ModelPlaces } from './body-keys.ts';
import { BACKSLASH, bytesOf, LOWER_F, LOWER_N, LOWER_T, OPEN_BRACE, OPEN_BRACKET, QUOTE } from './json-bytes.ts';
import { stringValue } from './json-walk.ts';
import { KeptString } from './kept-string.ts';
import { MODEL_BYTES, modelNameFault } from './model-name.ts';

/** No client nests deeper; a provider's parser has a limit too, and ours must not be the laxer one. The scanner refuses more. */
export const DEPTH_LIMIT = 512;

/** Distinct models that one body may name beside its own. */
const OTHER_MODELS = 64;

/** Beside the members that name models: those whose value, not only whose place, is used. */
const EXACT_KEYS: ReadonlySet<string> = new Set([
  'model',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'n',
  'best_of',
  'generationConfig',
  'inferenceConfig',
  'textGenerationConfig',
  'max_gen_len',
  'max_tokens_to_sample',
]);

/** First bytes and least length of the keys that count at any depth: all others need no reading. */
const SHORTEST_KEY_BYTES = '"model"'.length;
const BEGINS_KEY = bytesOf('\\Mm' + [...IN_SCHEMAS].map((key) => key.charAt(0)).join(''));

/** What the string that is being kept will be read as. Numbers, for the scanner's loop asks at the end of every string. */
export const NOTHING = 0;
const TOP_KEY = 1;
const NESTED_KEY = 2;
const MODEL = 3;
const OTHER_MODEL = 4;
const KEY_ANYWHERE = 5;

/**
 * Reads what routing, money and policy use from a body whose structure the scanner follows, and which tells where keys and
 * values begin and end. Refuses what could be read in two ways: a used key twice, or in a second spelling. Where a method
 * answers false, `fault` is set.
 */
export class FieldReader {
  readonly #api: Api;
  readonly #isGemini: boolean;
  fault: Fault | undefined;
  /** Bytes before the chunk that is being read. */
  offset = 0;
  /** Values at most this deep are looked at; below, only the grammar counts. */
  interest = 1;
  /** The string that is being read is kept, as one of the above; else `NOTHING`. */
  keeping = NOTHING;
  readonly #string = new KeptString(Math.max(KEY_BYTES, MODEL_BYTES));

  /** The used key whose value is being read. */
  #field = '';
  #span: FieldSpan | undefined;
  #places: ModelPlaces | undefined;
  /** A `model` at any depth of that value counts. */
  #anywhere = false;
  /** The nested member that was named last is a model or `include_usage`. */
  #nestedUsed = false;
  /** The value that comes next belongs to a JSON schema, and is not looked at. */
  #schemaNext = false;
  /** The nested object has had that member already. */
  #nestedSeen = false;
  #keyStart = 0;

  /** By the keys that we use, which are few and known. */
  readonly #spans: Record<string, FieldSpan> = {};
  #model: string | undefined;
  readonly #otherModels = new Set<string>();
  #stream = false;
  #includeUsage: boolean | undefined;

  constructor(api: Api) {
    this.#api = api;
    this.#isGemini = isGemini(api);
  }

  /** What was read, once the body is whole. */
  get fields(): Omit<BodyFields, 'objectStart' | 'empty'> {
    return {
      spans: this.#spans,
      model: this.#model,
      otherModels: [...this.#otherModels],
      stream: this.#stream,
      includeUsage: this.#includeUsage,
    };
  }

  /** To be told while a string is being kept. */
  chunkEnds(chunk: Uint8Array): void {
    this.#string.chunkEnds(chunk);
  }

  /** A key begins at `at`, at a depth that is looked at. */
  keyStarts(depth: number, chunk: Uint8Array, at: number): void {
    if (this.#anywhere && depth > 1) {
      // Whatever was passed over has ended.
      this.interest = DEPTH_LIMIT;
      // Where the key goes on in the next chunk, its end decides.
      if (BEGINS_KEY[chunk[at + 1] ?? BACKSLASH] === 1) this.#startKeeping(KEY_ANYWHERE, at);
      return;
    }
    if (depth === 1) this.#startKeeping(TOP_KEY, at);
    else if (this.#field === 'stream_options' || this.#places?.objectDepth === depth) {
      this.#startKeeping(NESTED_KEY, at);
    }
    if (this.keeping !== NOTHING) this.#keyStart = this.offset + at;
  }

  /** A value begins with the byte `c` at `at`, at a depth that is looked at. False when a fault was set. */
  valueStarts(depth: number, c: number, at: number): boolean {
    if (this.#anywhere && depth > 1) {
      this.interest = this.#schemaNext ? depth : DEPTH_LIMIT;
      if (this.#nestedUsed && c === QUOTE) this.#startKeeping(OTHER_MODEL, at);
      this.#schemaNext = false;
      this.#nestedUsed = false;
      return true;
    }
    if (depth === 1) {
      if (this.#span !== undefined) this.#span.valueStart = this.offset + at;
      return this.#fieldStarts(c, at);
    }
    if (this.#field === 'stream_options') {
      if (!this.#nestedUsed) return true;
      this.#nestedUsed = false;
      if (c === LOWER_T || c === LOWER_F) this.#includeUsage = c === LOWER_T;
      else if (c !== LOWER_N) return this.#badField('stream_options.include_usage', 'must be a boolean');
      return true;
    }
    const places = this.#places;
    if (places === undefined) return true;
    if (depth === 2 && places.objectDepth === 3) {
      // An element of the list.
      this.#nestedSeen = false;
      if (c === QUOTE && places.names) this.#startKeeping(OTHER_MODEL, at);
      else if (c !== OPEN_BRACE && c !== LOWER_N) return this.#badField(this.#field, 'must hold names or objects');
      return true;
    }
    if (!this.#nestedUsed) return true;
    this.#nestedUsed = false;
    if (c === QUOTE) this.#startKeeping(OTHER_MODEL, at);
    else if (c !== LOWER_N) return this.#badField(this.#nestedName(), 'must be a string');
    return true;
  }

  /** The value of the top-level member `#field` begins with the byte `c`. */
  #fieldStarts(c: number, at: number): boolean {
    this.#nestedUsed = false;
    this.#nestedSeen = false;
    this.#schemaNext = false;
    switch (this.#field) {
      case 'model':
        if (c !== QUOTE) return this.#badField('model', 'must be a string');
        this.#startKeeping(MODEL, at);
        return true;
      case 'stream':
        if (c !== LOWER_T && c !== LOWER_F && c !== LOWER_N) return this.#badField('stream', 'must be a boolean');
        this.#stream = c === LOWER_T;
        return true;
      case 'stream_options':
        if (c !== OPEN_BRACE && c !== LOWER_N) return this.#badField('stream_options', 'must be an object');
        return true;
      default:
        return this.#placesStart(c, at);
    }
  }

  /** The value of a member that may name further models begins with the byte `c`. */
  #placesStart(c: number, at: number): boolean {
    const places = this.#places;
    if (places === undefined || this.#anywhere || c === LOWER_N) return true;
    if (places.names && c === QUOTE) {
      this.#startKeeping(OTHER_MODEL, at);
      return true;
    }
    const wanted = places.objectDepth === 2 ? OPEN_BRACE : OPEN_BRACKET;
    return c === wanted || this.#badField(this.#field, `must be ${wanted === OPEN_BRACE ? 'an object' : 'a list'}`);
  }

  /** The value of a top-level member ended before `at`. */
  valueEnds(at: number): void {
    if (this.#span !== undefined) this.#span.valueEnd = this.offset + at;
    this.#span = undefined;
    this.#places = undefined;
    this.#anywhere = false;
    this.#field = '';
    this.interest = 1;
  }

  /** The string that was being kept ended before `at`. False when a fault was set. */
  stringEnds(chunk: Uint8Array, at: number): boolean {
    const what = this.keeping;
    this.keeping = NOTHING;
    const isName = what === MODEL || what === OTHER_MODEL;
    const quoted = this.#string.upTo(chunk, at, isName ? MODEL_BYTES : KEY_BYTES);
    if (what === KEY_ANYWHERE) {
      this.#keyAnywhere(quoted);
      return true;
    }
    const text = quoted === undefined ? undefined : stringValue(quoted);
    switch (what) {
      case TOP_KEY:
        return text === undefined || this.#topKey(text);
      case NESTED_KEY:
        return this.#nestedKey(text);
      default:
        return this.#modelNamed(what, text);
    }
  }

  #topKey(text: string): boolean {
    const used = usedKey(text);
    if (used === undefined) return true;
    if (this.#spans[used.key] !== undefined) {
      this.fault = { code: 'body_duplicate_key', key: used.key, atByte: this.#keyStart };
      return false;
    }
    const places = modelPlaces(this.#api, used.key);
    if (!used.exact && (places !== undefined || EXACT_KEYS.has(used.key))) {
      // Some providers would read it, others not: we could not say what is asked for.
      return this.#badField(text, `must be spelt "${used.key}"`);
    }
    this.#field = used.key;
    this.#places = places;
    const depth = places?.objectDepth ?? (used.key === 'stream_options' ? 2 : 1);
    this.#anywhere = depth === 'any';
    this.interest = depth === 'any' ? DEPTH_LIMIT : depth;
    this.#span = { keyStart: this.#keyStart, valueStart: 0, valueEnd: 0 };
    this.#spans[used.key] = this.#span;
    return true;
  }

  #nestedKey(text: string | undefined): boolean {
    const wanted = this.#field === 'stream_options' ? 'include_usage' : 'model';
    this.#nestedUsed = text === wanted;
    if (text?.toLowerCase() !== wanted) return true;
    if (!this.#nestedUsed) return this.#badField(this.#nestedName(), `must be spelt "${wanted}"`);
    if (this.#nestedSeen) {
      this.fault = { code: 'body_duplicate_key', key: this.#nestedName(), atByte: this.#keyStart };
      return false;
    }
    this.#nestedSeen = true;
    return true;
  }

  /** A key below a member in which a `model` counts at any depth: in any spelling, as often as it comes. */
  #keyAnywhere(quoted: Uint8Array | undefined): void {
    if (quoted === undefined || quoted.length < SHORTEST_KEY_BYTES || BEGINS_KEY[quoted[1] ?? 0] === 0) return;
    const key = stringValue(quoted) ?? '';
    this.#nestedUsed = key.toLowerCase() === 'model';
    this.#schemaNext = IN_SCHEMAS.has(key);
  }

  #nestedName(): string {
    if (this.#field === 'stream_options') return 'stream_options.include_usage';
    return this.#places?.objectDepth === 3 ? `${this.#field}[].model` : `${this.#field}.model`;
  }

  #modelNamed(what: number, text: string | undefined): boolean {
    const field = what === MODEL ? 'model' : this.#field;
    const fault = modelNameFault(text);
    if (text === undefined || fault !== undefined) return this.#badField(field, fault ?? '');
    const name = this.#isGemini && text.startsWith('models/') ? text.slice('models/'.length) : text;
    if (what === MODEL) this.#model = name;
    // Gemini's model stands in the path, and Claude's on Vertex; one in the body is a second one, and to be checked like it.
    if (what !== MODEL || this.#isGemini || this.#api === 'google_raw_predict') this.#otherModels.add(name);
    return this.#otherModels.size <= OTHER_MODELS || this.#badField(field, `names more than ${OTHER_MODELS} models`);
  }

  #startKeeping(what: number, at: number): void {
    this.keeping = what;
    this.#string.begin(at);
  }

  #badField(field: string, why: string): false {
    this.fault = { code: 'body_bad_field', field, why };
    return false;
  }
}
