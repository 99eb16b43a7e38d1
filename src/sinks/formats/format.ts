import type { Batch } from '../destination.ts';

/** How a webhook's events can be written. */
export const FORMATS = ['json', 'ocsf', 'ecs', 'cef', 'splunk_hec'] as const;
export type FormatName = (typeof FORMATS)[number];

export function isFormat(name: string): name is FormatName {
  return FORMATS.some((format) => format === name);
}

/** Turns deliveries into the body of a request. */
export interface Format {
  /** Of what `write` returns. */
  readonly mediaType: string;
  /** The same text for the same deliveries, always: a receiver may compare what comes twice. */
  write(deliveries: Batch): string;
}

export interface FormatOptions {
  /** Of the gateway. */
  version: string;
  /** Bodies are lists, of one event too: a receiver has to know one shape. */
  list: boolean;
}
