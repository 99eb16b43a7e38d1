/** One event of a stream as it stood in the body. */
export interface StreamEvent {
  /** Its name; empty where it has none. */
  name: string;
  /** Its `data`, lines joined by feeds. */
  data: string;
  /** As it came, with its comments. */
  raw: string;
  /** Where it ends in the body, in bytes: the blank line behind it is part of it. */
  endByte: number;
}

const MOST_EVENTS = 300_000;

/** Cuts a body at its blank lines. What follows the last one is an event that was not finished. */
export function eventsOf(bytes: Uint8Array, most = MOST_EVENTS): { events: StreamEvent[]; more: boolean } {
  const events: StreamEvent[] = [];
  const decoder = new TextDecoder();
  let from = 0;
  while (from < bytes.length) {
    if (events.length === most) return { events, more: true };
    const end = endOfEvent(bytes, from);
    const raw = decoder.decode(bytes.subarray(from, end));
    if (raw.trim() !== '') events.push({ ...fieldsOf(raw), raw: raw.trimEnd(), endByte: end });
    from = end;
  }
  return { events, more: false };
}

const [FEED, RETURN] = [0x0a, 0x0d];

function endOfEvent(bytes: Uint8Array, from: number): number {
  for (let at = from; ;) {
    const feed = bytes.indexOf(FEED, at);
    if (feed === -1) return bytes.length;
    const next = bytes[feed + 1] === RETURN ? feed + 2 : feed + 1;
    if (bytes[next] === FEED) return next + 1;
    at = feed + 1;
  }
}

function fieldsOf(raw: string): { name: string; data: string } {
  let name = '';
  const data: string[] = [];
  for (const line of raw.split(/\r\n|\n|\r/)) {
    if (line.startsWith('data:')) data.push(value(line, 5));
    else if (line.startsWith('event:')) name = value(line, 6);
  }
  return { name, data: data.join('\n') };
}

function value(line: string, from: number): string {
  return line.slice(line[from] === ' ' ? from + 1 : from);
}
