/** Close codes of WebSockets (RFC 6455, section 7.4) that are used here. */
export const NORMAL = 1000;
export const GOING_AWAY = 1001;
/** Told of a goodbye without a code, and never sent. */
const NO_CODE = 1005;
/** Told of a connection that was cut, and never sent. */
export const CUT = 1006;
export const REFUSED = 1008;
export const TOO_BIG = 1009;
export const BROKEN = 1011;
export const TRY_AGAIN = 1013;
const CUT_BY_TLS = 1015;

/** A longer one would make the goodbye a broken frame (RFC 6455, section 5.5). */
const REASON_BYTES = 123;

/** How to hand on a close that was told: with its code, without one, or by cutting the connection. */
export function howToClose(code: number): 'say' | 'say nothing' | 'cut' {
  if (code === CUT || code === CUT_BY_TLS) return 'cut';
  const mayBeSent = (code >= NORMAL && code <= 1014 && code !== 1004 && code !== NO_CODE) || code >= 3000;
  return mayBeSent && code < 5000 ? 'say' : 'say nothing';
}

/** A reason that fits, in whole characters. */
export function closeReason(text: string): string {
  let cut = text.slice(0, REASON_BYTES);
  while (Buffer.byteLength(cut) > REASON_BYTES) cut = cut.slice(0, -1);
  return cut.toWellFormed();
}
