import type { Pace } from '../record.ts';

/** When each of these many bytes had come, in ms since the request was received; between marks evenly. */
export function timesAt(pace: Pace, endBytes: readonly number[]): number[] {
  let at = 0;
  return endBytes.map((bytes) => {
    while (at < pace.length && (pace[at]?.[0] ?? 0) < bytes) at += 1;
    const [after, before] = [pace[at], pace[at - 1]];
    if (after === undefined) return pace.at(-1)?.[1] ?? 0;
    if (before === undefined || after[0] === before[0]) return after[1];
    return before[1] + ((after[1] - before[1]) * (bytes - before[0])) / (after[0] - before[0]);
  });
}

/** Where nothing was noted: evenly by bytes, between the first byte and the end. */
export function evenPace(firstMs: number, endMs: number, bytes: number): Pace {
  return [
    [0, firstMs],
    [bytes, endMs],
  ];
}

/** How many of these times, which grow, have come by then. */
export function countUntil(times: readonly number[], ms: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] ?? 0) <= ms) low = middle + 1;
    else high = middle;
  }
  return low;
}
