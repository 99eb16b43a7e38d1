import { pino } from 'pino';
import type { Log, LogLevel } from './log.ts';

/** Fields that may hold a credential, at any depth that our own log calls use. */
const REDACTED = ['authorization', 'apikey', 'api_key', 'secret', 'password', 'token', 'cookie'].flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
]);

/** Structured lines on stderr; redaction happens here, whoever logs. */
export function createLog(level: LogLevel, thread: string): Log {
  return pino(
    { level, base: { thread }, redact: { paths: REDACTED, censor: '[redacted]' } },
    pino.destination({ fd: 2, sync: true }),
  );
}
