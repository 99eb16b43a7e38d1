import { createHash } from 'node:crypto';
import { z } from 'zod';

/** The span of a client that its request belongs to, as its `traceparent` says (W3C Trace Context). */
export const TraceParent = z.object({
  /** 32 hex digits. */
  trace_id: z.string().regex(/^[0-9a-f]{32}$/),
  /** 16 hex digits. */
  span_id: z.string().regex(/^[0-9a-f]{16}$/),
  flags: z.int().min(0).max(255),
});
export type TraceParent = z.infer<typeof TraceParent>;

/** A version after 00 may append fields behind another hyphen. */
const HEADER = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NOTHING = /^0+$/;

/** Undefined where the header is none that the standard lets count: then it counts as not sent. */
export function readTraceParent(header: string): TraceParent | undefined {
  const [, version, traceId, spanId, flags, more] = HEADER.exec(header.trim()) ?? [];
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (NOTHING.test(traceId) || NOTHING.test(spanId)) return undefined;
  return { trace_id: traceId, span_id: spanId, flags: Number.parseInt(flags, 16) };
}

/** The trace of a request: the client's, or the request's id itself, whose 16 bytes are as good. */
export function traceIdOf(requestId: string, parent: TraceParent | undefined): string {
  return parent?.trace_id ?? requestId.replaceAll('-', '');
}

/** The span of a request: the last 8 bytes of its id, which are random and never all zero. */
export function spanIdOf(requestId: string): string {
  return requestId.replaceAll('-', '').slice(-16);
}

/** The span of something within a request: made again, the same. */
export function innerSpanIdOf(requestId: string, what: string): string {
  return createHash('sha256').update(`${requestId} ${what}`).digest('hex').slice(0, 16);
}
