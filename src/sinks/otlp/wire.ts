/**
 * OTLP in its JSON encoding (https://opentelemetry.io/docs/specs/otlp): ids are hex, 64-bit numbers are text, enums are
 * numbers. Of its messages, what we send.
 */
export type AnyValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number }
  | { arrayValue: { values: AnyValue[] } }
  | { kvlistValue: { values: KeyValue[] } };

export interface KeyValue {
  key: string;
  value: AnyValue;
}

export interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  flags: number;
  name: string;
  kind: (typeof SPAN_KIND)[keyof typeof SPAN_KIND];
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: KeyValue[];
  status: { code?: 2 };
}

export const SPAN_KIND = { internal: 1, server: 2, client: 3 } as const;

export interface LogRecord {
  timeUnixNano: string;
  observedTimeUnixNano: string;
  severityNumber: number;
  severityText: string;
  eventName: string;
  body: AnyValue;
  attributes: KeyValue[];
  traceId?: string;
  spanId?: string;
  flags?: number;
}

export interface NumberPoint {
  attributes: KeyValue[];
  startTimeUnixNano?: string;
  timeUnixNano: string;
  asDouble: number;
}

export interface HistogramPoint {
  attributes: KeyValue[];
  startTimeUnixNano: string;
  timeUnixNano: string;
  count: string;
  sum: number;
  bucketCounts: string[];
  explicitBounds: number[];
}

export type Metric = { name: string; description: string; unit: string } & (
  | { gauge: { dataPoints: NumberPoint[] } }
  | { sum: { dataPoints: NumberPoint[]; aggregationTemporality: 2; isMonotonic: boolean } }
  | { histogram: { dataPoints: HistogramPoint[]; aggregationTemporality: 2 } }
);

/** Since the start, and not since the last time. */
export const CUMULATIVE = 2;

export interface Resource {
  attributes: KeyValue[];
}

export interface Scope {
  name: string;
  version: string;
}

const NANOSECONDS_PER_MS = 1_000_000;

/** Milliseconds since the epoch, which may have a fraction, as whole nanoseconds: more digits than a number has. */
export function nanos(ms: number): string {
  const whole = Math.floor(ms);
  const rest = Math.round((ms - whole) * NANOSECONDS_PER_MS);
  return String(BigInt(whole) * BigInt(NANOSECONDS_PER_MS) + BigInt(rest));
}

/** A number that the conventions want as a double also where it is whole. */
export class Double {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** Those of the members that say something: what is null, undefined, empty text or an empty list is left out. */
export function attributes(members: Readonly<Record<string, unknown>>): KeyValue[] {
  return Object.entries(members).flatMap(([key, member]) => {
    if (member === '' || (Array.isArray(member) && member.length === 0)) return [];
    const value = anyValue(member);
    return value === undefined ? [] : [{ key, value }];
  });
}

/** Deeper than this, a value is told as its JSON text. */
const DEPTH = 8;

export function anyValue(value: unknown, depth = 0): AnyValue | undefined {
  if (value instanceof Double) return Number.isFinite(value.value) ? { doubleValue: value.value } : undefined;
  switch (typeof value) {
    case 'string':
      return { stringValue: value };
    case 'boolean':
      return { boolValue: value };
    case 'number':
      if (Number.isSafeInteger(value)) return { intValue: String(value) };
      return Number.isFinite(value) ? { doubleValue: value } : undefined;
    case 'object':
      if (value === null) return undefined;
      if (depth >= DEPTH) return { stringValue: JSON.stringify(value) };
      return Array.isArray(value) ? arrayValue(value, depth) : kvlistValue(value, depth);
    default:
      return undefined;
  }
}

function arrayValue(list: readonly unknown[], depth: number): AnyValue {
  return { arrayValue: { values: list.flatMap((each) => anyValue(each, depth + 1) ?? []) } };
}

function kvlistValue(members: object, depth: number): AnyValue {
  const values = Object.entries(members).flatMap(([key, member]) => {
    const value = anyValue(member, depth + 1);
    return value === undefined ? [] : [{ key, value }];
  });
  return { kvlistValue: { values } };
}
