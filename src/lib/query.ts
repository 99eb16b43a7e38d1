/** One part of a query string, between its `&`, as a server would read it: decoded, the name in lower case. */
export function parameterOf(part: string): { name: string; value: string } {
  const equals = part.indexOf('=');
  return {
    name: decoded(equals < 0 ? part : part.slice(0, equals))
      .trim()
      .toLowerCase(),
    value: equals < 0 ? '' : decoded(part.slice(equals + 1)),
  };
}

function decoded(text: string): string {
  // Each escape by itself: one that is malformed must not hide the others.
  return text
    .replaceAll('+', ' ')
    .replace(/%[0-9A-Fa-f]{2}/g, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)));
}
