/** One thing about a request that a rule does not allow. */
export interface Breach {
  /** What the verdict counts by: the name of a tool, of a parameter, of a bound. */
  kind: string;
  /** What was there; told as a keyed hash only. */
  value: string;
}
