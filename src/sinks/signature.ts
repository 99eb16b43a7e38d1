import { createHmac } from 'node:crypto';

/**
 * The headers of Standard Webhooks: an id that stays, the time of this attempt, and an HMAC over both and the body
 * (https://www.standardwebhooks.com). While secrets are rotated each of them signs, so that a receiver that knows one of
 * them takes it. Without a secret there is no signature, and the id still says what came twice.
 */
export function signedHeaders(secrets: readonly string[], id: string, atMs: number, body: string): [string, string][] {
  const timestamp = String(Math.floor(atMs / 1000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  const headers: [string, string][] = [
    ['webhook-id', id],
    ['webhook-timestamp', timestamp],
  ];
  if (signatures.length > 0) headers.push(['webhook-signature', signatures.join(' ')]);
  return headers;
}

const PREFIX = 'whsec_';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const LEAST_BYTES = 24;
const MOST_BYTES = 64;

/** `whsec_` and the base64 of 24 to 64 bytes. An empty key would sign whatever anybody sends. */
export function isWebhookSecret(text: string): boolean {
  if (!text.startsWith(PREFIX)) return false;
  const key = text.slice(PREFIX.length);
  const bytes = Buffer.from(key, 'base64').length;
  return BASE64.test(key) && bytes >= LEAST_BYTES && bytes <= MOST_BYTES;
}
