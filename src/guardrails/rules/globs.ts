/** True when `name` fits one of the globs; `*` stands for any characters. Linear in the name for each glob. */
export function fitsOne(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => fits(glob, name));
}

/** Goes on from the last star only: what an earlier star could take, the last one can take as well. */
function fits(glob: string, name: string): boolean {
  const [first = '', ...rest] = glob.split('*');
  const last = rest.pop();
  if (last === undefined) return glob === name;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = name.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= name.length - last.length;
}
