/** Token kinds are disjoint, so that cost = sum of kind x rate (wire-formats.md, section 1). */
export const USAGE_KINDS = [
  'input_uncached',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'cache_write_other',
  'output',
  'reasoning',
  'audio_in',
  'image_in',
  'audio_out',
  'image_out',
] as const;
export type UsageKind = (typeof USAGE_KINDS)[number];
export type Usage = Record<UsageKind, number>;

/**
 * `final`: the provider's last word. `partial`: some numbers arrived, then it broke. `estimated`: ours, for want of the
 * provider's. `absent`: none. Absent is not zero.
 */
export type UsageState = 'final' | 'partial' | 'estimated' | 'absent';

export function zeroUsage(): Usage {
  return {
    input_uncached: 0,
    cache_read: 0,
    cache_write_5m: 0,
    cache_write_1h: 0,
    cache_write_other: 0,
    output: 0,
    reasoning: 0,
    audio_in: 0,
    image_in: 0,
    audio_out: 0,
    image_out: 0,
  };
}

export function totalInput(usage: Usage): number {
  return (
    usage.input_uncached +
    usage.cache_read +
    usage.cache_write_5m +
    usage.cache_write_1h +
    usage.cache_write_other +
    usage.audio_in +
    usage.image_in
  );
}

export function totalOutput(usage: Usage): number {
  return usage.output + usage.reasoning + usage.audio_out + usage.image_out;
}

export type StopReason =
  | 'stop'
  | 'length'
  | 'tool_use'
  | 'content_filter'
  | 'refusal'
  | 'pause'
  | 'cancelled'
  | 'error';
