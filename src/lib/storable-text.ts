/** What Postgres cannot hold in text or JSON: the zero character, and half of a surrogate pair. */
const NOT_STORABLE = /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
/** The same as `JSON.stringify` writes it. May find what is none (an escaped backslash before it); never misses one. */
const MAYBE_IN_JSON = /\\u(?:0000|d[89a-f])/i;

/** The text with every character that Postgres refuses replaced by U+FFFD. */
export function storableText(text: string): string {
  return text.replace(NOT_STORABLE, '\uFFFD');
}

/** JSON text of plain data, with every string in it made storable. */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value);
  return isStorableJson(json) ? json : JSON.stringify(storableValue(value));
}

/** Whether this output of `JSON.stringify` is surely storable. Most has no escape of that kind: a plain search sees it much faster. */
export function isStorableJson(json: string): boolean {
  return !json.includes('\\u') || !MAYBE_IN_JSON.test(json);
}

function storableValue(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(storableValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [storableText(key), storableValue(member)]));
}
