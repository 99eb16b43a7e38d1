/** Sums of what items say, one for each interval; those begin as `times` says. Items of other times count nowhere. */
export function sumsOver<Item>(
  times: readonly string[],
  items: readonly Item[],
  timeOf: (item: Item) => string | undefined,
  amountOf: (item: Item) => number,
): number[] {
  const places = new Map(times.map((time, at) => [Date.parse(time), at]));
  const sums = times.map(() => 0);
  for (const item of items) {
    const at = places.get(Date.parse(timeOf(item) ?? ''));
    if (at !== undefined) sums[at] = (sums[at] ?? 0) + amountOf(item);
  }
  return sums;
}
