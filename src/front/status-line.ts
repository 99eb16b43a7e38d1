import { STATUS_CODES } from 'node:http';

const LINES = new Map<number, string>();

/** `200 OK`: code and reason phrase, as an HTTP/1.1 status line has them. */
export function statusLine(status: number): string {
  let line = LINES.get(status);
  if (line === undefined) {
    line = `${status} ${STATUS_CODES[status] ?? (status === 529 ? 'Overloaded' : 'Status')}`;
    if (LINES.size < 1000) LINES.set(status, line);
  }
  return line;
}
