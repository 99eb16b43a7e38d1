import type { Opened } from '../contract/exchange.ts';
import type { Fault } from '../contract/fault.ts';
import type { FrameCursor } from '../protocols/bedrock/event-stream.ts';
import { faultEvent, shapeFault } from '../protocols/fault-shapes.ts';
import type { ExchangePlan } from './exchange.ts';

/** What an answer is, of which a part went out. */
export interface BegunAnswer {
  eventStream: boolean;
  /** Text of ours may follow what the provider sent. */
  maySayMore: boolean;
  /** Of a binary event stream: where it stands. */
  frames: FrameCursor | undefined;
}

/**
 * The event with which we end a stream by our own decision, in the words of its API; undefined where nothing may be said. What the provider
 * broke is passed on as a broken connection: agents then repeat the request, and no SDK takes the fragment for an answer. Within a
 * declared length our event would stand for the provider's bytes, and make the broken body look whole.
 */
export function lastWords(
  { dialect, opened, gated }: Pick<ExchangePlan, 'dialect' | 'opened' | 'gated'>,
  { eventStream, maySayMore, frames }: BegunAnswer,
  fault: Fault,
): string | Uint8Array | undefined {
  if (gated && !eventStream) return lastElement(dialect, opened, fault);
  if (!maySayMore || fault.code === 'upstream_broken' || fault.code === 'upstream_invalid') return undefined;
  const event = faultEvent(dialect, fault, opened.id);
  // A frame of ours within another one would be that one's bytes.
  if (event === undefined || frames?.betweenFrames === false) return undefined;
  // A blank line first: the provider's last event may be half written.
  return typeof event === 'string' ? `\n\n${event}` : event;
}

/** Of a stream that is a JSON array: whole elements of it went out. */
function lastElement(dialect: ExchangePlan['dialect'], opened: Opened, fault: Fault): string | undefined {
  return dialect === 'google' && opened.stream ? `,\n${shapeFault(dialect, fault, opened.id).body}\n]` : undefined;
}
