/** Narrowing of what `JSON.parse` gives. Providers send what they like: nothing here throws. */
export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as an object; an empty one where it is something else, so that fields read as not reported. */
export function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The objects of an array, in order; nothing where it is no array. */
export function objectsOf(value: unknown): JsonObject[] {
  return arrayOf(value).filter(isObject);
}

/** Null for anything that is no string, and for the empty string, which servers send for "not known". */
export function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A number of tokens as reported: null where it is missing, null or no finite number. May be negative. */
export function countOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? Math.trunc(value) : null;
}

export function countOf(value: unknown): number {
  return countOrNull(value) ?? 0;
}

/** Undefined where the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** JSON text of a value that came from JSON. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value ?? null);
}

/** What one merged object may hold; real usage objects have about twenty members, in two levels. */
const MERGE_MEMBERS = 128;
const MERGE_DEPTH = 4;
const MERGE_ITEMS = 1024;
const MERGE_STRING_CHARS = 1024;

/**
 * Merges `from` into `into`: the last non-null value per field wins, in nested objects too; arrays are replaced. Made
 * for small counting objects that come again and again, so it is bounded: what is oversized stays out.
 */
export function mergeFields(into: JsonObject, from: JsonObject, depth = 0): void {
  for (const [key, value] of Object.entries(from)) {
    if (value === null || value === undefined || key === '__proto__') continue;
    const present = into[key];
    if (present === undefined && Object.keys(into).length >= MERGE_MEMBERS) continue;
    if (isObject(value)) {
      if (depth >= MERGE_DEPTH) continue;
      const inner = isObject(present) ? present : {};
      mergeFields(inner, value, depth + 1);
      into[key] = inner;
    } else if (Array.isArray(value)) {
      if (value.length <= MERGE_ITEMS) into[key] = value;
    } else if (typeof value !== 'string' || value.length <= MERGE_STRING_CHARS) {
      into[key] = value;
    }
  }
}
