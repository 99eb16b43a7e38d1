import type { ExportFormat } from './format.ts';
import type { S3Bucket } from './s3.ts';

/** What the export thread is configured with. Holds secrets. */
export interface ExportSettings {
  bucket: S3Bucket;
  /** Of files that are made from now on. */
  format: ExportFormat;
  /** Between the end of an export and the next. */
  everyMs: number;
  /** Records of one file. */
  limit: number;
  /** Ranges that are not public and may be connected to. */
  allow: readonly string[];
  /** PEM file of further authorities. */
  caFile: string | undefined;
}

/** How the export stands, for `/metrics`. */
export interface ExportState {
  /** Records that no bucket has yet, as far as they are counted. */
  waiting: number;
  /** Milliseconds since the epoch; null before the first file was uploaded. */
  lastSuccessAtMs: number | null;
  /** Of this process, since the thread began. */
  files: number;
  failures: number;
}

/** Main thread -> export thread. */
export type ToExport = { kind: 'settings'; settings: ExportSettings } | { kind: 'drain'; withinMs: number };

/** Export thread -> main thread. */
export type FromExport =
  | { kind: 'state'; state: ExportState }
  /** No upload is under way any more, or time is up. */
  | { kind: 'drained' };
