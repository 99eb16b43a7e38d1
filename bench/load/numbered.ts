/**
 * Stands in the text of a request that is to be another one each time: what was said before would be stored once, and
 * cost nothing again.
 */
export const NUMBER_MARK = 'No. 0000000000000000 ';

const DIGITS = 16;
/** A larger request is sent as it is: copying it would cost the generator more than the request costs the target. */
const COPIED_BYTES = 64 * 1024;

/** Numbers requests, across all processes and runs: they begin with the time. */
export class Numbers {
  #next = Date.now() * 1000;

  /** The request with a number of its own in place of the mark, or as it is, where it has none. */
  numbered(request: Uint8Array): Uint8Array {
    if (request.length > COPIED_BYTES) return request;
    const copy = Buffer.from(request);
    const at = copy.indexOf(NUMBER_MARK);
    if (at < 0) return request;
    copy.write(String(this.#next++).padStart(DIGITS, '0'), at + NUMBER_MARK.indexOf('0'), 'latin1');
    return copy;
  }
}
