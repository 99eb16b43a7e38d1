export interface Trend {
  /** Of the fitted line, per second. */
  slope: number;
  /** Its standard error. The slope is zero within its noise when it is less than two of these. */
  error: number;
  /** How many means of blocks the line was fitted to. */
  blocks: number;
}

/**
 * The line through samples that were taken once a second, by least squares. What a process holds at one second depends on
 * what it held the second before (a collector lets memory go in large pieces), which makes single samples look far more
 * certain than they are: so the line is fitted to the means of blocks that are longer than that memory. What is left over of
 * a last block is dropped. NaN for fewer than three blocks.
 */
export function trendOf(samples: readonly number[], blockSeconds: number): Trend {
  const means: number[] = [];
  for (let at = 0; at + blockSeconds <= samples.length; at += blockSeconds) {
    means.push(mean(samples.slice(at, at + blockSeconds)));
  }
  if (means.length < 3) return { slope: Number.NaN, error: Number.NaN, blocks: means.length };
  const middle = (means.length - 1) / 2;
  const level = mean(means);
  let spread = 0;
  let together = 0;
  for (const [at, value] of means.entries()) {
    spread += (at - middle) ** 2;
    together += (at - middle) * (value - level);
  }
  const slope = together / spread;
  const residuals = means.reduce((sum, value, at) => sum + (value - level - slope * (at - middle)) ** 2, 0);
  const error = Math.sqrt(residuals / (means.length - 2) / spread);
  return { slope: slope / blockSeconds, error: error / blockSeconds, blocks: means.length };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
