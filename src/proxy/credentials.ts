/** What counts as a credential: for what is kept from providers, and for what no journal or log may show. */

export const REDACTED = '[redacted]';

/** Headers by which clients of the APIs we serve, and of the proxies and clouds around them, prove who they are. */
export const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'cf-aig-authorization',
  'cookie',
  'x-auth-token',
  'x-access-token',
  'x-amz-security-token',
  'x-goog-iam-authorization-token',
  'cf-access-client-id',
  'cf-access-client-secret',
  'cf-access-jwt-assertion',
  'ocp-apim-subscription-key',
]);

/** Not credentials of a request, but as good as one to whoever reads them. */
const OTHER_SECRET_HEADERS: ReadonlySet<string> = new Set([
  'set-cookie',
  // A browser's WebSocket client puts its key here.
  'sec-websocket-protocol',
  // A URL that needs no further credential.
  'x-goog-upload-url',
  // Of a signature of the client's, which is worthless behind us and none of a record's business.
  'x-amz-date',
  'x-amz-content-sha256',
]);

const SECRET_WORD =
  /(?:^|[-_.])(?:secret|password|passwd|credentials?|authorization|auth|cookie|jwt|apikey|signature|assertion)(?:[-_.]|$)/;
const SECRET_END = /(?:^|[-_.])(?:token|key)$/;
/** Names that end like a secret's and are none; support needs them. */
const PLAIN_HEADERS: ReadonlySet<string> = new Set(['idempotency-key', 'x-idempotency-key', 'sec-websocket-key']);

/** Begins of keys and tokens as vendors mint them, and schemes that carry one: a secret in a header of any name. */
const SECRET_VALUE =
  /(?:^|[^A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{8}|AIza[0-9A-Za-z_-]{8}|ya29\.|AKIA[0-9A-Z]{8}|ASIA[0-9A-Z]{8}|gh[opsu]_[A-Za-z0-9]{8}|github_pat_|xox[abpr]-|tskey-|apt_[a-z2-7]{16}_|eyJ[A-Za-z0-9_-]{8,}\.eyJ|bearer\s+\S|basic\s+[A-Za-z0-9+/]{8}|AWS4-HMAC-)/i;

/** Takes a lower-case name. */
export function isSecretHeader(name: string, value: string): boolean {
  if (CREDENTIAL_HEADERS.has(name) || OTHER_SECRET_HEADERS.has(name)) return true;
  if (SECRET_WORD.test(name)) return true;
  if (SECRET_END.test(name) && !PLAIN_HEADERS.has(name)) return true;
  return SECRET_VALUE.test(value);
}

/** Query parameters that are credentials: Google's two and its older one, and a presigned AWS request's. */
export function isCredentialParameter(name: string): boolean {
  return name === 'key' || name === 'access_token' || name === 'oauth_token' || name.startsWith('x-amz-');
}
