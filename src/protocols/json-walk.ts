/**
 * Finds members and elements in bytes that are already known to be valid JSON, without building values. On anything
 * else the answers are useless, but every function ends and none throws.
 */
export interface Member {
  /** Half-open byte ranges; a key's range holds its quotes. */
  keyStart: number;
  keyEnd: number;
  valueStart: number;
  valueEnd: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** The first byte at or after `at` that is not JSON white space. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at;
  while (i < bytes.length) {
    const c = bytes[i] ?? 0;
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
    i += 1;
  }
  return i;
}

/** The byte after the string whose opening quote stands at `at`. */
function skipString(bytes: Uint8Array, at: number): number {
  let i = at + 1;
  while (i < bytes.length) {
    const c = bytes[i] ?? 0;
    if (c === QUOTE) return i + 1;
    i += c === BACKSLASH ? 2 : 1;
  }
  return bytes.length;
}

/** The byte after the value that begins at `at`. */
export function skipValue(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first === QUOTE) return skipString(bytes, at);
  let i = at;
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    while (i < bytes.length) {
      const c = bytes[i] ?? 0;
      if (c === COMMA || c === CLOSE_BRACE || c === CLOSE_BRACKET || c <= 0x20) break;
      i += 1;
    }
    return i;
  }
  let depth = 0;
  while (i < bytes.length) {
    const c = bytes[i] ?? 0;
    if (c === QUOTE) {
      i = skipString(bytes, i);
      continue;
    }
    i += 1;
    if (c === OPEN_BRACE || c === OPEN_BRACKET) depth += 1;
    else if ((c === CLOSE_BRACE || c === CLOSE_BRACKET) && --depth === 0) return i;
  }
  return bytes.length;
}

/** The members of the object whose brace stands at `at`, in order. */
export function membersOf(bytes: Uint8Array, at: number): Member[] {
  const members: Member[] = [];
  let i = skipSpace(bytes, at + 1);
  while (i < bytes.length && bytes[i] === QUOTE) {
    const keyEnd = skipString(bytes, i);
    const colon = skipSpace(bytes, keyEnd);
    if (bytes[colon] !== COLON) break;
    const valueStart = skipSpace(bytes, colon + 1);
    const valueEnd = skipValue(bytes, valueStart);
    members.push({ keyStart: i, keyEnd, valueStart, valueEnd });
    i = skipSpace(bytes, valueEnd);
    if (bytes[i] !== COMMA) break;
    i = skipSpace(bytes, i + 1);
  }
  return members;
}

/** Where the elements of the array begin whose bracket stands at `at`, in order. */
export function elementsOf(bytes: Uint8Array, at: number): number[] {
  const starts: number[] = [];
  let i = skipSpace(bytes, at + 1);
  while (i < bytes.length && bytes[i] !== CLOSE_BRACKET) {
    starts.push(i);
    i = skipSpace(bytes, skipValue(bytes, i));
    if (bytes[i] !== COMMA) break;
    i = skipSpace(bytes, i + 1);
  }
  return starts;
}

/** True when the member's key is `name`, however it is escaped. */
export function isNamed(bytes: Uint8Array, member: Member, name: string): boolean {
  const length = member.keyEnd - member.keyStart - 2;
  if (length === name.length) {
    for (let i = 0; i < length; i++) {
      if (bytes[member.keyStart + 1 + i] !== name.charCodeAt(i)) return false;
    }
    return true;
  }
  // An escape makes a key longer, never shorter than its ASCII name, and at most six times as long.
  if (length < name.length || length > name.length * 6) return false;
  const raw = bytes.subarray(member.keyStart, member.keyEnd);
  return raw.includes(BACKSLASH) && stringValue(raw) === name;
}

/** The text of a JSON string, given its bytes with the quotes; undefined where they are no JSON string. */
export function stringValue(quoted: Uint8Array): string | undefined {
  const text = Buffer.from(quoted.buffer, quoted.byteOffset, quoted.byteLength).toString('utf8');
  if (!text.includes('\\')) return text.slice(1, -1);
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'string' ? value : undefined;
  } catch {
    // Bytes that were not checked before: they name nothing.
    return undefined;
  }
}
