/** What the operator's config says of how long data is kept here. */
export interface RetentionRules {
  /** 0: nothing that is purged is kept at all. */
  keepMs: number;
  /** What is purged: headers and bodies; names, arguments and results of tool calls. Figures never are. */
  captures: boolean;
  tools: boolean;
  /** Only what an exporter has taken is purged. */
  requireExport: boolean;
}

/** What this process has purged, and what it found at its last run. */
export interface RetentionReport {
  partitionsDropped: number;
  bytesDropped: number;
  /** Milliseconds since the epoch; null before the first run. */
  lastRunAtMs: number | null;
  /** When the oldest day begins that still has captures; null where none has. */
  oldestCapturesMs: number | null;
  /** Partitions that are due and wait for their export. */
  partitionsWaiting: number;
}
