/*
 * A list that grows at its top. Its order is that of ids, which say when a request was accepted; a request is told when it
 * has ended, so a long one comes late and stands below newer ones.
 */

interface Identified {
  id: string;
}

/** Both, newest first, each once. */
export function merged<Row extends Identified>(newer: readonly Row[], older: readonly Row[]): Row[] {
  const known = new Set(newer.map(({ id }) => id));
  const all = [...newer, ...older.filter(({ id }) => !known.has(id))];
  return all.sort((left, right) => (left.id < right.id ? 1 : left.id > right.id ? -1 : 0));
}

/** What of an answer belongs on the list and is not there: nothing below its end, which further pages bring. */
export function unknownOf<Row extends Identified>(
  answer: readonly Row[],
  shown: readonly Row[],
  hasOlder: boolean,
): Row[] {
  const known = new Set(shown.map(({ id }) => id));
  const last = hasOlder ? shown.at(-1)?.id : undefined;
  return answer.filter(({ id }) => !known.has(id) && (last === undefined || id > last));
}

/** The smallest UUIDv7 of so long before another: from there on is asked again for those that came late. */
export function idBefore(id: string, ms: number): string {
  const at = Math.max(0, Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) - ms);
  const hex = at.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
