/** A body as text, and what has to be said about that. */
export interface Decoded {
  text: string;
  /** Some bytes are no UTF-8: replacement marks stand for them. */
  damaged: boolean;
  /** It was unpacked from this encoding. */
  unpacked: string | null;
}

/** What a packed body may become: beyond it, it is a bomb or too much to look at. */
const MOST_BYTES = 96 * 1024 * 1024;

/**
 * Unpacks and decodes a body.
 *
 * @throws Error in words for people when it cannot be unpacked.
 */
export async function decodeBody(bytes: Uint8Array<ArrayBuffer>, encoding: string): Promise<Decoded> {
  const names = encoding
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  let plain = bytes;
  for (const name of names.toReversed()) plain = await unpacked(plain, name);
  return { ...asText(plain), unpacked: names.length === 0 ? null : names.join(', ') };
}

export function asText(bytes: Uint8Array): { text: string; damaged: boolean } {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), damaged: false };
  } catch {
    return { text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), damaged: true };
  }
}

const FORMATS: Record<string, 'gzip' | 'deflate'> = { gzip: 'gzip', 'x-gzip': 'gzip', deflate: 'deflate' };

async function unpacked(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const format = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined;
  if (format === undefined) throw new Error(`It came packed with ${name}, which this page cannot unpack.`);
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let total = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      total += value.length;
      if (total > MOST_BYTES) throw new Error(`Unpacked, it is larger than ${MOST_BYTES / 1024 / 1024} MB.`);
    }
  } catch (error) {
    // What was cut on its way still says what came.
    if (total > MOST_BYTES || total === 0) throw asUnpackError(error, name);
  }
  return joined(chunks, total);
}

function asUnpackError(error: unknown, name: string): Error {
  return error instanceof Error && error.message.startsWith('Unpacked')
    ? error
    : new Error(`It says that it is packed with ${name}, and is not.`, { cause: error });
}

function joined(chunks: readonly Uint8Array[], total: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
