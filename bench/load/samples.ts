/** Numbers of one kind, as they were measured: grows without boxing each of them. */
export class Samples {
  #values = new Float64Array(1024);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(value: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count] = value;
    this.#count += 1;
  }

  /** A copy, in the order of measuring. */
  values(): Float64Array {
    return this.#values.slice(0, this.#count);
  }
}

export interface Summary {
  count: number;
  min: number;
  /** Half of the samples lie between `p25` and `p75`: the spread. */
  p25: number;
  median: number;
  p75: number;
  p90: number;
  p99: number;
  p999: number;
  max: number;
  mean: number;
}

/** The smallest sample that at least the share `p` of all samples does not exceed (nearest rank). NaN for none. */
export function percentile(sorted: Float64Array, p: number): number {
  const rank = Math.max(1, Math.ceil(p * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

export function summarize(values: Float64Array): Summary {
  const sorted = values.slice().sort();
  let sum = 0;
  for (const value of sorted) sum += value;
  return {
    count: sorted.length,
    min: sorted[0] ?? Number.NaN,
    p25: percentile(sorted, 0.25),
    median: percentile(sorted, 0.5),
    p75: percentile(sorted, 0.75),
    p90: percentile(sorted, 0.9),
    p99: percentile(sorted, 0.99),
    p999: percentile(sorted, 0.999),
    max: sorted.at(-1) ?? Number.NaN,
    mean: sum / sorted.length,
  };
}

/** `p50 1.23 ms, p99 4.56 ms, half within 1.10–1.40 ms, n=1000`, from samples in milliseconds. */
export function sayMs(summary: Summary): string {
  const said = (value: number): string => (value < 10 ? value.toFixed(3) : value.toFixed(1));
  return `p50 ${said(summary.median)} ms, p99 ${said(summary.p99)} ms, half within ${said(summary.p25)}–${said(summary.p75)} ms, n=${summary.count}`;
}
