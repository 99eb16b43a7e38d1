import { isObject } from '../../protocols/json.ts';

/** What is wrong with a value, with its path; undefined where it fits. */
export type Check = (value: unknown, path: string) => string | undefined;

/** Objects in objects: neither a schema nor arguments that anybody means go deeper. */
const DEPTH = 32;

/** Say nothing of what fits. */
const SILENT = new Set(['$schema', '$id', '$comment', 'title', 'description', 'default', 'examples', 'deprecated']);

const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'null', 'object', 'array']);

/**
 * Compiles a JSON schema to a check whose time is linear in the value. Keywords that it does not know are refused, for a
 * rule that is not understood must not look as if it held; those with patterns (`pattern`, `patternProperties`, `format`)
 * because matching them is not linear, `$ref` because schemas of arguments need none. (Zod's reader of JSON schemas takes
 * a schema without `type` as "anything", and goes past what stands beside `enum`.)
 *
 * @throws Error that says which keyword cannot be used, and where.
 */
export function argumentCheck(schema: unknown, at = '', depth = 0): Check {
  if (depth > DEPTH) throw new Error(`${said(at)} is nested deeper than ${DEPTH} levels`);
  if (schema === true) return () => undefined;
  if (schema === false) return (_, path) => `${path} is not allowed`;
  if (!isObject(schema)) throw new Error(`${said(at)} is no JSON schema`);
  const checks: Check[] = [];
  for (const [keyword, given] of Object.entries(schema)) {
    if (SILENT.has(keyword)) continue;
    checks.push(keywordCheck(keyword, given, schema, `${at}/${keyword}`, depth));
  }
  return (value, path) => {
    for (const check of checks) {
      const wrong = check(value, path);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };
}

function said(at: string): string {
  return at === '' ? 'the schema' : `the schema's ${at}`;
}

function keywordCheck(
  keyword: string,
  given: unknown,
  schema: Record<string, unknown>,
  at: string,
  depth: number,
): Check {
  const inner = (one: unknown, name = ''): Check => argumentCheck(one, at + name, depth + 1);
  switch (keyword) {
    case 'type':
      return typeCheck(given, at);
    case 'const':
      return (value, path) => (isSame(value, given) ? undefined : `${path} is not the one value that is allowed`);
    case 'enum': {
      const allowed = listOf(given, at);
      return (value, path) =>
        allowed.some((one) => isSame(value, one)) ? undefined : `${path} is none of those allowed`;
    }
    case 'properties': {
      const checks = Object.entries(objectAt(given, at)).map(([name, one]): [string, Check] => [
        name,
        inner(one, `/${name}`),
      ]);
      return onObjects((value, path) => {
        for (const [name, check] of checks) {
          const wrong = Object.hasOwn(value, name) ? check(value[name], `${path}.${name}`) : undefined;
          if (wrong !== undefined) return wrong;
        }
        return undefined;
      });
    }
    case 'required': {
      const names = listOf(given, at).map(String);
      return onObjects((value, path) => {
        const missing = names.find((name) => !Object.hasOwn(value, name));
        return missing === undefined ? undefined : `${path}.${missing} is missing`;
      });
    }
    case 'additionalProperties': {
      const known = new Set(isObject(schema['properties']) ? Object.keys(schema['properties']) : []);
      const check = inner(given);
      return onObjects((value, path) => firstWrong(value, path, (name) => !known.has(name), check));
    }
    case 'items': {
      const check = inner(given);
      const from = Array.isArray(schema['prefixItems']) ? schema['prefixItems'].length : 0;
      return onLists((value, path) => firstWrongItem(value.slice(from), path, () => check));
    }
    case 'prefixItems': {
      const checks = listOf(given, at).map((one, index) => inner(one, `/${index}`));
      return onLists((value, path) => firstWrongItem(value.slice(0, checks.length), path, (index) => checks[index]));
    }
    case 'allOf':
    case 'anyOf':
    case 'oneOf':
      return combined(
        keyword,
        listOf(given, at).map((one, index) => inner(one, `/${index}`)),
      );
    case 'not': {
      const check = inner(given);
      return (value, path) => (check(value, path) === undefined ? `${path} is what must not be` : undefined);
    }
    default:
      return sizeCheck(keyword, given, at);
  }
}

/** Bounds by number: of a number, a text's characters, a list's items, an object's members. */
function sizeCheck(keyword: string, given: unknown, at: string): Check {
  const measure = MEASURES[keyword];
  if (measure === undefined)
    throw new Error(`${said(at)} cannot be used here: ${WHY_NOT[keyword] ?? 'it is not known'}`);
  if (typeof given !== 'number' || !Number.isFinite(given)) throw new Error(`${said(at)} must be a number`);
  const [sizeOf, isIn, word] = measure;
  return (value, path) => {
    const size = sizeOf(value);
    return size === undefined || isIn(size, given) ? undefined : `${path} is ${word}`;
  };
}

type Measure = [
  sizeOf: (value: unknown) => number | undefined,
  isIn: (size: number, bound: number) => boolean,
  word: string,
];

const itself = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
// JSON schema counts characters, not UTF-16 units.
const characters = (value: unknown): number | undefined =>
  typeof value === 'string' ? Array.from(value).length : undefined;
const items = (value: unknown): number | undefined => (Array.isArray(value) ? value.length : undefined);
const members = (value: unknown): number | undefined => (isObject(value) ? Object.keys(value).length : undefined);
const atLeast = (size: number, bound: number): boolean => size >= bound;
const atMost = (size: number, bound: number): boolean => size <= bound;

const MEASURES: Record<string, Measure> = {
  minimum: [itself, atLeast, 'too small'],
  maximum: [itself, atMost, 'too large'],
  exclusiveMinimum: [itself, (size, bound) => size > bound, 'too small'],
  exclusiveMaximum: [itself, (size, bound) => size < bound, 'too large'],
  minLength: [characters, atLeast, 'too short'],
  maxLength: [characters, atMost, 'too long'],
  minItems: [items, atLeast, 'too short'],
  maxItems: [items, atMost, 'too long'],
  minProperties: [members, atLeast, 'too small'],
  maxProperties: [members, atMost, 'too large'],
};

const WHY_NOT: Record<string, string> = {
  pattern: 'matching a pattern is not linear in the text; use enum or const',
  patternProperties: 'matching a pattern is not linear in the text; use properties',
  format: 'formats are patterns, and matching those is not linear in the text',
};

function typeCheck(given: unknown, at: string): Check {
  const types = Array.isArray(given) ? given.map(String) : [String(given)];
  const unknown = types.find((type) => !TYPES.has(type));
  if (unknown !== undefined || types.length === 0) throw new Error(`${said(at)} names no type that JSON has`);
  return (value, path) =>
    types.some((type) => isOfType(value, type)) ? undefined : `${path} is no ${types.join(' or ')}`;
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function combined(keyword: 'allOf' | 'anyOf' | 'oneOf', checks: readonly Check[]): Check {
  return (value, path) => {
    const wrong = checks.map((check) => check(value, path)).filter((one) => one !== undefined);
    const fitting = checks.length - wrong.length;
    if (keyword === 'allOf') return wrong[0];
    if (fitting === 0) return `${path} fits none of several schemas`;
    return keyword === 'oneOf' && fitting > 1 ? `${path} fits more than one of several schemas` : undefined;
  };
}

function onObjects(check: (value: Record<string, unknown>, path: string) => string | undefined): Check {
  return (value, path) => (isObject(value) ? check(value, path) : undefined);
}

function onLists(check: (value: readonly unknown[], path: string) => string | undefined): Check {
  return (value, path) => (Array.isArray(value) ? check(value, path) : undefined);
}

function firstWrong(
  value: Record<string, unknown>,
  path: string,
  isJudged: (name: string) => boolean,
  check: Check,
): string | undefined {
  for (const name of Object.keys(value)) {
    // The name of a member that nobody knows may be anything: it is not told.
    const wrong = isJudged(name) ? check(value[name], `${path}: a further member`) : undefined;
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function firstWrongItem(
  value: readonly unknown[],
  path: string,
  checkOf: (index: number) => Check | undefined,
): string | undefined {
  for (const [index, item] of value.entries()) {
    const wrong = checkOf(index)?.(item, `${path}[]`);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/** Equal as JSON values are: members in any order. */
function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  }
  if (!isObject(a)) return a === b;
  if (!isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && isSame(a[name], b[name]))
  );
}

function listOf(given: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(given) || given.length === 0) throw new Error(`${said(at)} must be a list that is not empty`);
  return given;
}

function objectAt(given: unknown, at: string): Record<string, unknown> {
  if (!isObject(given)) throw new Error(`${said(at)} must be an object`);
  return given;
}
