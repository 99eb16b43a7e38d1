/** Narrowing for bodies that a client wrote: the simulator reads what it needs and leaves the rest alone. */
export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectAt(from: JsonObject, key: string): JsonObject | undefined {
  const value = from[key];
  return isObject(value) ? value : undefined;
}

export function listAt(from: JsonObject, key: string): unknown[] {
  const value = from[key];
  return Array.isArray(value) ? value : [];
}

export function stringAt(from: JsonObject, key: string): string | undefined {
  const value = from[key];
  return typeof value === 'string' ? value : undefined;
}

export function numberAt(from: JsonObject, key: string): number | undefined {
  const value = from[key];
  return typeof value === 'number' ? value : undefined;
}

/** Undefined when `text` is not a JSON object. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined; // Not JSON: the caller answers 400, and the parser's wording adds nothing for a client.
  }
}

/** The inside of a JSON string literal, ready to stand between quotes. */
export function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
