import type { Api } from '../contract/api.ts';
import type { Fault } from '../contract/fault.ts';
import type { BodyFields, FieldSpan } from '../contract/messages.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { IN_SCHEMAS, isGemini, KEY_BYTES, modelPlaces, usedKey } from './body-keys.ts';
import type { ModelPlaces } from './body-keys.ts';
import { stringValue } from './json-walk.ts';
import { batchModels } from './resources/batch-models.ts';
import { namedResources } from './resources/named-resources.ts';
import { Utf8Check } from './utf8-check.ts';

/** No client nests deeper; a provider's parser has a limit too, and ours must not be the laxer one. */
const DEPTH_LIMIT = 512;

/** The longest model names are ARNs of inference profiles, about 150 characters. */
const MODEL_CHARACTERS = 256;

/** A name in its longest spelling: every character escaped, and the quotes. */
const MODEL_BYTES = 6 * MODEL_CHARACTERS + 2;

const KEPT_BYTES = Math.max(KEY_BYTES, MODEL_BYTES);

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

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const LOWER_F = 0x66;
const LOWER_N = 0x6e;
const LOWER_T = 0x74;

// What the scanner waits for. Numbers, because the loop below switches on them for every byte of structure.
const START = 0;
const KEY = 1;
const KEY_OR_END = 2;
const COLON = 3;
const VALUE = 4;
const VALUE_OR_END = 5;
const AFTER_VALUE = 6;
const STRING = 7;
const ESCAPE = 8;
const HEX = 9;
const MINUS = 10;
const ZERO = 11;
const INTEGER = 12;
const POINT = 13;
const FRACTION = 14;
const EXPONENT = 15;
const EXPONENT_SIGN = 16;
const EXPONENT_DIGITS = 17;
const LITERAL = 18;
const DONE = 19;

const OBJECT = 1;
const ARRAY = 2;

/** What the string that is being kept will be read as. */
const NOTHING = 0;
const TOP_KEY = 1;
const NESTED_KEY = 2;
const MODEL = 3;
const OTHER_MODEL = 4;
const KEY_ANYWHERE = 5;

// Tables, for calls are inlined only while the compiler's budget lasts, and then cost half the speed.
/** Bytes at which the run of plain characters in a string ends: quote, backslash, control characters. */
const ENDS_RUN = Uint8Array.from({ length: 256 }, (_, c) => (c < 0x20 || c === QUOTE || c === BACKSLASH ? 1 : 0));
const IS_SPACE = bytesOf(' \t\r\n');
const IS_DIGIT = bytesOf('0123456789');
const IS_HEX = bytesOf('0123456789abcdefABCDEF');
const ESCAPABLE = bytesOf('"\\/bfnrt');
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** What is read of a request without a body. */
export const NO_FIELDS: BodyFields = {
  objectStart: 0,
  empty: true,
  spans: {},
  model: undefined,
  otherModels: [],
  stream: false,
  includeUsage: undefined,
};

/** The text of a used member of a body that was scanned; undefined where it is missing or no text. */
export function textField(body: Uint8Array, fields: BodyFields, key: string): string | undefined {
  const span = fields.spans[key];
  if (span === undefined || body[span.valueStart] !== QUOTE) return undefined;
  return stringValue(body.subarray(span.valueStart, span.valueEnd));
}

/** Scans a whole body. */
export function scanBody(api: Api, body: Uint8Array): Result<BodyFields, Fault> {
  const scanner = new BodyScanner(api);
  scanner.push(body);
  const scanned = scanner.end();
  if (!scanned.ok) return scanned;
  const asksForEvents = api === 'openai_speech' && textField(body, scanned.value, 'stream_format') === 'sse';
  return withNamed(api, body, asksForEvents ? { ...scanned.value, stream: true } : scanned.value);
}

/** What stands deeper, and is looked at only where it can be there: objects that providers keep, a batch's models. */
function withNamed(api: Api, body: Uint8Array, fields: BodyFields): Result<BodyFields, Fault> {
  const named = namedResources(api, body, fields);
  if (!named.ok) return named;
  const batch = batchModels(api, body, fields, scanBody);
  if (batch?.ok === false) return batch;
  const resources = [...named.value, ...(batch?.value.resources ?? [])];
  if (batch === undefined && resources.length === 0) return ok(fields);
  const inBatch = batch === undefined ? {} : { otherModels: batch.value.models };
  return ok({ ...fields, ...inBatch, ...(resources.length === 0 ? {} : { resources }) });
}

/**
 * Checks a JSON request body as strictly as RFC 8259 has it, in any chunking, and reads from its top level what
 * routing, money and policy use. Nothing passes that a provider could read in another way than we did: no duplicate of
 * a used key, no second spelling of one, no bytes that are not UTF-8. Holds at most one key or model name; keeps no
 * reference to a chunk. Never throws.
 *
 * Errors: `body_not_json`, `body_duplicate_key`, `body_bad_field`; offsets are bytes of the whole body, and the first
 * fault in byte order is the one reported, whatever the chunking.
 */
export class BodyScanner {
  readonly #api: Api;
  readonly #isGemini: boolean;
  readonly #utf8 = new Utf8Check();
  #fault: Fault | undefined;
  /** Bytes of earlier chunks. */
  #offset = 0;

  #state = START;
  #depth = 0;
  readonly #containers = new Uint8Array(DEPTH_LIMIT);
  #stringIsKey = false;
  #hexLeft = 0;
  #word: Uint8Array = NULL;
  #wordAt = 0;

  /** Values at most this deep are looked at; below, only the grammar counts. */
  #interest = 1;
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

  #keeping = NOTHING;
  #keepFrom = 0;
  #keptBytes = 0;
  /** Only where a key or a name spans chunks. */
  #kept: Uint8Array | undefined;

  #objectStart = 0;
  #empty = false;
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

  /** What is wrong so far: lets a reader refuse a body before all of it has arrived. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  push(chunk: Uint8Array): void {
    if (this.#fault !== undefined) return;
    const read = this.#scan(chunk);
    const bad = this.#utf8.push(read === chunk.length ? chunk : chunk.subarray(0, read));
    if (bad !== undefined) this.#fault = { code: 'body_not_json', why: 'a sequence that is not UTF-8', atByte: bad };
    this.#offset += chunk.length;
  }

  end(): Result<BodyFields, Fault> {
    if (this.#fault !== undefined) return failed(this.#fault);
    const unfinished = this.#utf8.end();
    if (unfinished !== undefined) return failed(notJson('a sequence that is not UTF-8', unfinished));
    if (this.#state === START) return failed(notJson('the body is empty', this.#offset));
    if (this.#state !== DONE) return failed(notJson('the body ends early', this.#offset));
    return ok({
      objectStart: this.#objectStart,
      empty: this.#empty,
      spans: this.#spans,
      model: this.#model,
      otherModels: [...this.#otherModels],
      stream: this.#stream,
      includeUsage: this.#includeUsage,
    });
  }

  /**
   * Reads one chunk; returns how many bytes of it are in order. One loop over locals: a method call per byte makes
   * bodies of small values three times as slow (bench/micro/body-scan.bench.ts).
   */
  #scan(chunk: Uint8Array): number {
    const containers = this.#containers;
    const length = chunk.length;
    let state = this.#state;
    let depth = this.#depth;
    let i = 0;
    while (i < length) {
      let c = chunk[i] ?? 0;
      switch (state) {
        case STRING: {
          while (ENDS_RUN[c] === 0 && ++i < length) c = chunk[i] ?? 0;
          if (i >= length) break;
          if (c === QUOTE) {
            i += 1;
            state = this.#stringIsKey ? COLON : AFTER_VALUE;
            if (this.#keeping !== NOTHING && !this.#keptString(chunk, i)) return i;
            if (depth === 1 && state === AFTER_VALUE) this.#valueEnds(i);
          } else if (c === BACKSLASH) {
            i += 1;
            state = ESCAPE;
          } else {
            return this.#refuse('a control character in a string', i);
          }
          break;
        }
        case ESCAPE: {
          if (c === 0x75) {
            this.#hexLeft = 4;
            state = HEX;
          } else if (ESCAPABLE[c] === 1) state = STRING;
          else return this.#refuse('an unknown escape', i);
          i += 1;
          break;
        }
        case HEX: {
          if (IS_HEX[c] === 0) return this.#refuse('an unknown escape', i);
          i += 1;
          if (--this.#hexLeft === 0) state = STRING;
          break;
        }
        case AFTER_VALUE: {
          i += 1;
          if (c === COMMA) state = containers[depth - 1] === OBJECT ? KEY : VALUE;
          else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) {
            if (containers[depth - 1] !== (c === CLOSE_BRACE ? OBJECT : ARRAY)) {
              return this.#refuse('the wrong closing bracket', i - 1);
            }
            depth -= 1;
            state = depth === 0 ? DONE : AFTER_VALUE;
            if (depth === 1) this.#valueEnds(i);
          } else if (IS_SPACE[c] === 0)
            return this.#refuse('neither a comma nor a closing bracket after a value', i - 1);
          break;
        }
        case KEY:
        case KEY_OR_END: {
          if (c === QUOTE) {
            this.#stringIsKey = true;
            state = STRING;
            if (depth <= this.#interest) this.#keyStarts(depth, chunk, i);
          } else if (c === CLOSE_BRACE && state === KEY_OR_END) {
            if (depth === 1) this.#empty = true;
            depth -= 1;
            state = depth === 0 ? DONE : AFTER_VALUE;
            if (depth === 1) this.#valueEnds(i + 1);
          } else if (IS_SPACE[c] === 0) return this.#refuse('no key where one belongs', i);
          i += 1;
          break;
        }
        case COLON: {
          if (c === 0x3a) state = VALUE;
          else if (IS_SPACE[c] === 0) return this.#refuse('no colon after a key', i);
          i += 1;
          break;
        }
        case VALUE:
        case VALUE_OR_END: {
          if (IS_SPACE[c] === 1) {
            i += 1;
            break;
          }
          if (c === CLOSE_BRACKET && state === VALUE_OR_END) {
            depth -= 1;
            state = AFTER_VALUE;
            if (depth === 1) this.#valueEnds(i + 1);
            i += 1;
            break;
          }
          if (depth <= this.#interest && !this.#valueStarts(depth, c, i)) return i;
          i += 1;
          if (c === QUOTE) {
            this.#stringIsKey = false;
            state = STRING;
          } else if (c === OPEN_BRACE || c === OPEN_BRACKET) {
            if (depth === DEPTH_LIMIT) return this.#refuse(`more than ${DEPTH_LIMIT} levels`, i - 1);
            containers[depth] = c === OPEN_BRACE ? OBJECT : ARRAY;
            depth += 1;
            state = c === OPEN_BRACE ? KEY_OR_END : VALUE_OR_END;
          } else if (c === 0x30) state = ZERO;
          else if (IS_DIGIT[c] === 1) state = INTEGER;
          else if (c === 0x2d) state = MINUS;
          else if (c === LOWER_T || c === LOWER_F || c === LOWER_N) {
            this.#word = c === LOWER_T ? TRUE : c === LOWER_F ? FALSE : NULL;
            this.#wordAt = 1;
            state = LITERAL;
          } else return this.#refuse('no value where one belongs', i - 1);
          break;
        }
        case MINUS: {
          if (c === 0x30) state = ZERO;
          else if (IS_DIGIT[c] === 1) state = INTEGER;
          else return this.#refuse('not a number', i);
          i += 1;
          break;
        }
        case POINT:
        case EXPONENT_SIGN: {
          if (IS_DIGIT[c] === 0) return this.#refuse('not a number', i);
          state = state === POINT ? FRACTION : EXPONENT_DIGITS;
          i += 1;
          break;
        }
        case EXPONENT: {
          if (IS_DIGIT[c] === 1) state = EXPONENT_DIGITS;
          else if (c === 0x2b || c === 0x2d) state = EXPONENT_SIGN;
          else return this.#refuse('not a number', i);
          i += 1;
          break;
        }
        case ZERO:
        case INTEGER:
        case FRACTION:
        case EXPONENT_DIGITS: {
          if (IS_DIGIT[c] === 1 && state !== ZERO) i += 1;
          else if (c === 0x2e && (state === ZERO || state === INTEGER)) {
            state = POINT;
            i += 1;
          } else if ((c === 0x65 || c === 0x45) && state !== EXPONENT_DIGITS) {
            state = EXPONENT;
            i += 1;
          } else {
            // The number ended before this byte, which is looked at again.
            state = AFTER_VALUE;
            if (depth === 1) this.#valueEnds(i);
          }
          break;
        }
        case LITERAL: {
          if (c !== this.#word[this.#wordAt]) return this.#refuse('no value where one belongs', i);
          i += 1;
          this.#wordAt += 1;
          if (this.#wordAt === this.#word.length) {
            state = AFTER_VALUE;
            if (depth === 1) this.#valueEnds(i);
          }
          break;
        }
        case START: {
          if (c === OPEN_BRACE) {
            containers[0] = OBJECT;
            depth = 1;
            state = KEY_OR_END;
            this.#objectStart = this.#offset + i + 1;
          } else if (c === 0xef) return this.#refuse('a byte order mark, or no value', i);
          else if (IS_SPACE[c] === 0) return this.#refuse('the top level is not an object', i);
          i += 1;
          break;
        }
        default: {
          if (IS_SPACE[c] === 0) return this.#refuse('bytes after the end', i);
          i += 1;
        }
      }
    }
    this.#state = state;
    this.#depth = depth;
    if (this.#keeping !== NOTHING) this.#keep(chunk);
    return length;
  }

  #refuse(why: string, at: number): number {
    this.#fault = notJson(why, this.#offset + at);
    return at;
  }

  #badField(field: string, why: string): false {
    this.#fault = { code: 'body_bad_field', field, why };
    return false;
  }

  /** A key begins at `at`, at a depth that is looked at. */
  #keyStarts(depth: number, chunk: Uint8Array, at: number): void {
    if (this.#anywhere && depth > 1) {
      // Whatever was passed over has ended.
      this.#interest = DEPTH_LIMIT;
      // Where the key goes on in the next chunk, its end decides.
      if (BEGINS_KEY[chunk[at + 1] ?? BACKSLASH] === 1) this.#startKeeping(KEY_ANYWHERE, at);
      return;
    }
    if (depth === 1) this.#startKeeping(TOP_KEY, at);
    else if (this.#field === 'stream_options' || this.#places?.objectDepth === depth) {
      this.#startKeeping(NESTED_KEY, at);
    }
    if (this.#keeping !== NOTHING) this.#keyStart = this.#offset + at;
  }

  /** A value begins with the byte `c` at `at`, at a depth that is looked at. False when a fault was set. */
  #valueStarts(depth: number, c: number, at: number): boolean {
    if (this.#anywhere && depth > 1) {
      this.#interest = this.#schemaNext ? depth : DEPTH_LIMIT;
      if (this.#nestedUsed && c === QUOTE) this.#startKeeping(OTHER_MODEL, at);
      this.#schemaNext = false;
      this.#nestedUsed = false;
      return true;
    }
    if (depth === 1) {
      if (this.#span !== undefined) this.#span.valueStart = this.#offset + at;
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
  #valueEnds(at: number): void {
    if (this.#span !== undefined) this.#span.valueEnd = this.#offset + at;
    this.#span = undefined;
    this.#places = undefined;
    this.#anywhere = false;
    this.#field = '';
    this.#interest = 1;
  }

  #startKeeping(what: number, at: number): void {
    this.#keeping = what;
    this.#keepFrom = at;
    this.#keptBytes = 0;
  }

  /** Keeps the chunk's bytes from `#keepFrom` to its end; more than fits only raises the count. */
  #keep(chunk: Uint8Array): void {
    const bytes = chunk.length - this.#keepFrom;
    this.#kept ??= new Uint8Array(KEPT_BYTES);
    if (this.#keptBytes + bytes <= KEPT_BYTES) this.#kept.set(chunk.subarray(this.#keepFrom), this.#keptBytes);
    this.#keptBytes += bytes;
    this.#keepFrom = 0;
  }

  /** The bytes of the string that ended before `at`; undefined when they are more than `most`. */
  #keptUpTo(chunk: Uint8Array, at: number, most: number): Uint8Array | undefined {
    const bytes = this.#keptBytes + at - this.#keepFrom;
    if (bytes > most) return undefined;
    if (this.#kept === undefined || this.#keptBytes === 0) return chunk.subarray(this.#keepFrom, at);
    this.#kept.set(chunk.subarray(this.#keepFrom, at), this.#keptBytes);
    return this.#kept.subarray(0, bytes);
  }

  /** The string that was being kept ended before `at`. False when a fault was set. */
  #keptString(chunk: Uint8Array, at: number): boolean {
    const what = this.#keeping;
    this.#keeping = NOTHING;
    const isName = what === MODEL || what === OTHER_MODEL;
    const quoted = this.#keptUpTo(chunk, at, isName ? MODEL_BYTES : KEY_BYTES);
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
      this.#fault = { code: 'body_duplicate_key', key: used.key, atByte: this.#keyStart };
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
    this.#interest = depth === 'any' ? DEPTH_LIMIT : depth;
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
      this.#fault = { code: 'body_duplicate_key', key: this.#nestedName(), atByte: this.#keyStart };
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
}

/** What is wrong with a model's name; undefined: it is longer than any that is kept. */
export function modelNameFault(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MODEL_CHARACTERS) return `is longer than ${MODEL_CHARACTERS} characters`;
  if (text === '') return 'must not be empty';
  return /[\p{Cc}\p{Cs}]/u.test(text) ? 'holds a character that no model name has' : undefined;
}

function notJson(why: string, atByte: number): Fault {
  return { code: 'body_not_json', why, atByte };
}

/** A table that holds 1 for each of the characters. */
function bytesOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) table[byte] = 1;
  return table;
}
