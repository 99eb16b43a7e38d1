import { Webhook } from 'standardwebhooks';

/**
 * The headers of Standard Webhooks: an id that stays, the time of this attempt, and an HMAC over both and the body
 * (https://www.standardwebhooks.com).
 */
export function signedHeaders(secret: string, id: string, atMs: number, body: string): [string, string][] {
  return [
    ['webhook-id', id],
    ['webhook-timestamp', String(Math.floor(atMs / 1000))],
    ['webhook-signature', new Webhook(secret).sign(id, new Date(atMs), body)],
  ];
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
