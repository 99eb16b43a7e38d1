export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type Fields = Record<string, unknown>;

export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
}

export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

function nothing(): void {
  // A log that nobody reads.
}

/** The messages of an error and its causes, for one log line. */
export function errorChain(error: unknown): string {
  const parts: string[] = [];
  let at: unknown = error;
  while (at instanceof Error && parts.length < 8) {
    parts.push('code' in at && typeof at.code === 'string' ? `${at.code}: ${at.message}` : at.message);
    at = at.cause;
  }
  return parts.length > 0 ? parts.join(' <- ') : String(error);
}
