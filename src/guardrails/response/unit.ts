import type { Fault } from '../../contract/fault.ts';
import { changed } from './channel.ts';
import type { Change, Channel } from './channel.ts';
import { joined } from '../../lib/joined.ts';

/** A half-open range of a unit's bytes. */
export interface Range {
  start: number;
  end: number;
}

/** Where a piece of a channel's text stands in a unit. */
export interface Slot extends Range {
  /** The text that stands there, from `at` on in its channel. */
  text: string;
  at: number;
  channel: Channel;
  /** `json`: a literal; `line`: text that must stay on its line; `body`: text. */
  form: 'json' | 'line' | 'body';
  /** Signed: rules leave it as it is; `but_restored`: values are put back all the same. */
  signed: 'no' | 'whole' | 'but_restored';
  /** What says the same in other words, and is replaced where the text changes. */
  twins: readonly (Range & { text: string })[];
}

/** A tool call that is judged before any of it goes on. */
export interface Gate {
  open: boolean;
}

/** One event with its exact bytes: it leaves whole, and when all that it holds is judged. */
export interface Unit {
  bytes: Uint8Array<ArrayBuffer>;
  slots: Slot[];
  gates: Gate[];
  /** It cannot be read, and a rule refuses what it cannot read. */
  fault?: Fault | undefined;
}

export function isSettled({ slots, gates }: Unit): boolean {
  for (const { channel, at, text } of slots) if (channel.settled < at + text.length) return false;
  return gates.every(({ open }) => open);
}

/** The changes of the channel that touch the slot. */
export function changesOf({ channel, at, text }: Slot): Change[] {
  const end = at + text.length;
  return channel.changes.filter((change) => change.start < end && change.end > at);
}

/** The unit as it goes on, on both sides; `sent` is undefined where it is what is kept. */
export function rendered(unit: Unit): { kept: Uint8Array<ArrayBuffer>; sent: Uint8Array<ArrayBuffer> | undefined } {
  const found = unit.slots.filter(({ channel }) => channel.changes.length > 0);
  const edits = found.map((slot) => ({ slot, changes: changesOf(slot).filter((change) => isAllowed(slot, change)) }));
  const kept = spliced(
    unit.bytes,
    edits.flatMap(({ slot, changes }) => splicesOf(slot, changes, 'kept')),
  );
  const differs = edits.some(({ changes }) => changes.some((change) => change.kept !== change.sent));
  if (!differs) return { kept, sent: undefined };
  return {
    kept,
    sent: spliced(
      unit.bytes,
      edits.flatMap(({ slot, changes }) => splicesOf(slot, changes, 'sent')),
    ),
  };
}

export function isAllowed({ signed }: Slot, { by }: Change): boolean {
  return signed === 'no' || (signed === 'but_restored' && by.length === 0);
}

type Splice = Range & { text: string };

function splicesOf(slot: Slot, changes: readonly Change[], side: 'kept' | 'sent'): Splice[] {
  const text = changed(slot.text, slot.at, changes, side);
  if (text === slot.text) return [];
  return [{ start: slot.start, end: slot.end, text: written(text, slot.form) }, ...slot.twins];
}

function written(text: string, form: Slot['form']): string {
  if (form === 'json') return JSON.stringify(text);
  return form === 'line' ? text.replace(/[\r\n]+/g, ' ') : text;
}

function spliced(bytes: Uint8Array<ArrayBuffer>, splices: Splice[]): Uint8Array<ArrayBuffer> {
  if (splices.length === 0) return bytes;
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { start, end, text } of splices.sort((a, b) => a.start - b.start)) {
    // What lies inside of something that was replaced is gone with it.
    if (start < from) continue;
    parts.push(bytes.subarray(from, start), Buffer.from(text));
    from = end;
  }
  parts.push(bytes.subarray(from));
  return joined(parts);
}
