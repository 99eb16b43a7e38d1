/** An event in CEF, read character by character: nothing here is of the code that writes it. */
export interface CefEvent {
  /** Vendor, product, version, signature, name, severity. */
  header: string[];
  extension: Record<string, string>;
}

/** @throws Error where the text breaks the format. */
export function readCef(text: string): CefEvent {
  if (!text.startsWith('CEF:0|')) throw new Error(`no CEF: ${text.slice(0, 40)}`);
  const header: string[] = [];
  let at = 'CEF:0|'.length;
  while (header.length < 6) {
    let field = '';
    for (; text[at] !== '|'; at += 1) {
      const character = text[at];
      if (character === undefined) throw new Error('the header ends early');
      if (character !== '\\') field += character;
      else {
        at += 1;
        const escaped = text[at];
        if (escaped !== '\\' && escaped !== '|') throw new Error(`\\${String(escaped)} in the header`);
        field += escaped;
      }
    }
    header.push(field);
    at += 1;
  }
  return { header, extension: readExtension(text.slice(at)) };
}

/** A key stands at the beginning or behind a space, and before a `=` that nothing escapes. */
function readExtension(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const key = /^[A-Za-z0-9]+/.exec(rest)?.[0];
    if (key === undefined || rest[key.length] !== '=') throw new Error(`no key: ${rest.slice(0, 40)}`);
    if (key in found) throw new Error(`${key} stands there twice`);
    rest = rest.slice(key.length + 1);
    const next = / [A-Za-z0-9]+=/.exec(rest);
    found[key] = unescaped(next === null ? rest : rest.slice(0, next.index));
    rest = next === null ? '' : rest.slice(next.index + 1);
  }
  return found;
}

function unescaped(text: string): string {
  let plain = '';
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '=') throw new Error('a = that nothing escapes');
    if (character !== '\\') plain += character;
    else {
      at += 1;
      const escaped = text[at] ?? '';
      const meant = { '\\': '\\', '=': '=', n: '\n', r: '\r' }[escaped];
      if (meant === undefined) throw new Error(`\\${escaped} in an extension`);
      plain += meant;
    }
  }
  return plain;
}
