/** Whether a glob matches one segment of a name: `*` stands for any run of characters. Linear but for the last star. */
export function globMatchesSegment(glob: string, text: string): boolean {
  const [first = '', ...rest] = glob.split(/\*+/);
  if (!text.startsWith(first)) return false;
  const last = rest.pop();
  if (last === undefined) return text === first;
  let at = first.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
