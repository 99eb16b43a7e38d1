/** A field name as RFC 9110 allows it. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** `Header-Name: value` as lower-case name and value; undefined where it is not in that form or could split a header. */
export function readHeaderLine(line: string): [string, string] | undefined {
  const colon = line.indexOf(':');
  if (colon < 0) return undefined;
  const name = line.slice(0, colon).trim();
  const value = line.slice(colon + 1).trim();
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  if (!NAME.test(name) || /[\x00-\x08\x0a-\x1f\x7f]/.test(value)) return undefined;
  return [name.toLowerCase(), value];
}
