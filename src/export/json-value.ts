import { decode } from 'cborg/json';

/** Whole numbers of so many digits may be more than a JavaScript number tells apart. */
const MANY_DIGITS = /\d{16}/;

/** Such a text is read an order of magnitude more slowly: a larger one would stop the thread for seconds. */
const EXACT_CHARACTERS = 16 * 1024 * 1024;

/** A text of 64 MiB can have twenty million, which are gigabytes of memory. The longest conversations have thousands. */
const MOST_VALUES = 1_000_000;
const [LIST, OBJECT, COMMA] = [0x5b, 0x7b, 0x2c];

/**
 * A JSON text as a value, whole numbers exact; undefined where it is none, or nothing but `null`, or more than one thread
 * should take upon itself.
 */
export function jsonValue(text: string): unknown {
  if (hasTooMany(text) || (text.length > EXACT_CHARACTERS && MANY_DIGITS.test(text))) return undefined;
  try {
    return (MANY_DIGITS.test(text) ? exactValue(text) : undefined) ?? plainValue(text) ?? undefined;
  } catch {
    return undefined;
  }
}

function plainValue(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return value;
}

/** An order of magnitude slower. Undefined where it is stricter than `JSON.parse`, whose word then counts. */
function exactValue(text: string): unknown {
  try {
    const value: unknown = decode(new TextEncoder().encode(text), { allowBigInt: true });
    return value;
  } catch {
    return undefined;
  }
}

/** Whether it may have more values than we take: each has a mark of its own, and marks stand in texts too. */
function hasTooMany(text: string): boolean {
  if (text.length <= MOST_VALUES) return false;
  let marks = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === LIST || code === OBJECT) marks += 1;
  }
  return marks > MOST_VALUES;
}
