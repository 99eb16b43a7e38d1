import { readFileSync } from 'node:fs';

/**
 * PEM of `server.egress.ca_file`. Without the file, destinations that need it are not trusted: that is told with each
 * attempt, and here once.
 */
export function authorities(file: string | undefined, complain: (error: unknown) => void): string | undefined {
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    complain(error);
    return undefined;
  }
}
