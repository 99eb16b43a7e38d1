import { unreachable } from '../../lib/result.ts';

/** How a receiver finds the end of a message: by its length before it, or by a line break behind it (RFC 6587). */
export const FRAMINGS = ['octet_counting', 'newline'] as const;
export type Framing = (typeof FRAMINGS)[number];

/** Messages are lines, so that neither way needs anything escaped. */
export function framed(message: string, framing: Framing): string {
  switch (framing) {
    case 'octet_counting':
      return `${Buffer.byteLength(message)} ${message}`;
    case 'newline':
      return `${message}\n`;
    default:
      return unreachable(framing);
  }
}
