import type { Headers } from '../record.ts';

/** What it takes to ask again. */
export interface Asked {
  /** `https://gateway.example`, without a slash at its end. */
  origin: string;
  id: string;
  method: string;
  path: string;
  headers: Headers;
  /** Null where there was none. */
  body: string | null;
  /** The body cannot stand in a command: it has no text, or was not read. */
  bodyIsFile: boolean;
  /** It came packed and went on unpacked, as it is kept. */
  wasUnpacked: boolean;
  wantsEvents: boolean;
}

export interface Curl {
  command: string;
  /** The body goes by a file of this name, which has to be there. */
  file: string | undefined;
  /** Headers that were left out because they are credentials, by name. */
  credentials: string[];
}

/** A command's argument may have 128 KiB on Linux, its end included. */
const MOST_BODY_BYTES = 100_000;

/**
 * The command that sends a request again to this gateway. Everything in it that somebody else wrote stands in single
 * quotes, in which a shell reads nothing but the next quote. What could do something to the terminal that it is pasted
 * into, or make the command look like another, goes by a file.
 */
export function curlOf(asked: Asked): Curl {
  const { origin, method, body } = asked;
  const isFile = body !== null && (asked.bodyIsFile || !isHarmless(body) || byteLength(body) > MOST_BODY_BYTES);
  const file = isFile ? `request-${asked.id}` : undefined;
  const kept = asked.headers.filter((header) => isSent(header, asked));
  const lines = [
    `curl ${sh(origin + pathOf(asked))}`,
    // curl would read `[1-9]` in an address as nine of them, and take `..` out of it.
    '--globoff --path-as-is',
    ...(method === 'POST' && body !== null ? [] : [`--request ${sh(method)}`]),
    ...kept.map(([name, value]) => `--header ${sh(value === '' ? `${name};` : `${name}: ${value}`)}`),
    ...bodyLines(body, file),
    ...(asked.wantsEvents ? ['--no-buffer'] : []),
  ];
  return { command: lines.join(' \\\n  '), file, credentials: credentialsIn(asked.headers) };
}

function bodyLines(body: string | null, file: string | undefined): string[] {
  if (body === null) return [];
  // `--data-raw`, as `--data` takes a body that begins with @ for the name of a file.
  return file === undefined ? [`--data-raw ${sh(body)}`] : [`--data-binary @${file}`];
}

/** In single quotes; one within ends them, stands by itself, and begins them again. */
export function sh(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Gemini's clients ask for events in the query, which the books do not have. */
function pathOf({ origin, path, wantsEvents }: Asked): string {
  const clean = isHarmless(path) ? path : new URL(path, origin).pathname;
  return wantsEvents && clean.endsWith(':streamGenerateContent') ? `${clean}?alt=sse` : clean;
}

/** Printable, with feeds and tabs: nothing that moves a cursor, turns the direction of reading, or is not seen. */
function isHarmless(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  return !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\ud800-\udfff\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffd]|[\u{e0000}-\u{e007f}]/u.test(
    text,
  );
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** What curl says by itself, what belongs to a connection, and who the caller was. */
const NOT_SENT = new Set([
  'host',
  'content-length',
  'connection',
  'keep-alive',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'accept-encoding',
  'forwarded',
  'via',
  'x-real-ip',
  'x-request-id',
]);
const NOT_SENT_BEGINNINGS = ['tailscale-', 'x-forwarded-', 'sec-', 'proxy-', 'x-aperture-'];
const CREDENTIALS = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'x-amz-security-token',
]);
const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i;

function isCredential([name, value]: readonly [string, string]): boolean {
  return CREDENTIALS.has(name.toLowerCase()) || value.includes('[redacted]');
}

function isSent([name, value]: readonly [string, string], { wasUnpacked }: Asked): boolean {
  const lower = name.toLowerCase();
  if (!NAME.test(name) || !isHarmless(value) || value.includes('\n')) return false;
  if (isCredential([name, value]) || NOT_SENT.has(lower)) return false;
  if (wasUnpacked && lower === 'content-encoding') return false;
  return !NOT_SENT_BEGINNINGS.some((beginning) => lower.startsWith(beginning));
}

function credentialsIn(headers: Headers): string[] {
  const names = headers.filter(isCredential).map(([name]) => name.toLowerCase());
  return [...new Set(names)].filter((name) => NAME.test(name)).sort();
}
