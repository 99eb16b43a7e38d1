import type { ClientResponse } from '../../src/front/socket.ts';

const CHUNK_BYTES = 64 * 1024;

/** A body in pieces, to its end, as exchanges write one: nothing more while the client is slow. */
export function writeOn(response: ClientResponse, body: Uint8Array, from = 0): void {
  let at = from;
  let taken = true;
  while (taken && at < body.length) {
    taken = response.write(body.subarray(at, at + CHUNK_BYTES));
    at += CHUNK_BYTES;
  }
  if (at >= body.length) response.end();
  else {
    response.onDrain(() => {
      writeOn(response, body, at);
    });
  }
}
