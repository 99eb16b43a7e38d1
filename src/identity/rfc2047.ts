/**
 * Encoded words of RFC 2047, as `tailscale serve` writes names outside ASCII into its headers. Reads UTF-8, US-ASCII
 * and ISO-8859-1; anything else, and anything malformed, is undefined: a name that we cannot read is nobody's name.
 */
export function decodeEncodedWords(value: string): string | undefined {
  if (!value.includes('=?')) return value;
  let text = '';
  let at = 0;
  let afterWord = false;
  while (at < value.length) {
    const start = value.indexOf('=?', at);
    const between = value.slice(at, start < 0 ? undefined : start);
    // White space between two encoded words belongs to neither (section 6.2).
    const isGap = afterWord && start >= 0 && between.trim() === '';
    if (!isGap) text += between;
    if (start < 0) break;
    const word = readWord(value, start);
    if (word === undefined) return undefined;
    text += word.text;
    at = word.end;
    afterWord = true;
  }
  return text;
}

/** `=?charset?encoding?text?=`; the text holds no question mark. */
function readWord(value: string, start: number): { text: string; end: number } | undefined {
  const afterCharset = value.indexOf('?', start + 2);
  if (afterCharset < 0 || value[afterCharset + 2] !== '?') return undefined;
  const body = afterCharset + 3;
  const end = value.indexOf('?=', body);
  if (end < 0) return undefined;
  const bytes = bytesOf(value.slice(afterCharset + 1, afterCharset + 2), value.slice(body, end));
  // A language suffix (RFC 2231) may follow the charset after an asterisk.
  const charset =
    value
      .slice(start + 2, afterCharset)
      .split('*')[0]
      ?.toLowerCase() ?? '';
  const text = bytes === undefined ? undefined : textOf(charset, bytes);
  return text === undefined ? undefined : { text, end: end + 2 };
}

function bytesOf(encoding: string, text: string): Buffer | undefined {
  switch (encoding.toLowerCase()) {
    case 'b':
      return /^[A-Za-z0-9+/]*={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
    case 'q':
      if (/[^!-~]|=(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
      return Buffer.from(
        text
          .replaceAll('_', ' ')
          .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
        'latin1',
      );
    default:
      return undefined;
  }
}

function textOf(charset: string, bytes: Buffer): string | undefined {
  switch (charset) {
    case 'utf-8':
    case 'us-ascii':
      try {
        return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      } catch {
        return undefined; // The bytes are not UTF-8.
      }
    case 'iso-8859-1':
      return bytes.toString('latin1');
    default:
      return undefined;
  }
}
