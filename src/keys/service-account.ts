import { createPrivateKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';

/** Marks a Google service account's key file, base64, in place of a key. */
export const KEY_FILE = 'keyfile::';

/** Google's key file, as far as it is used. */
const KeyFile = z.looseObject({
  project_id: z.string().default(''),
  private_key_id: z.string().default(''),
  private_key: z.string(),
  client_email: z.string().min(1),
  token_uri: z.string().default('https://oauth2.googleapis.com/token'),
});

export interface ServiceAccount {
  email: string;
  projectId: string;
  /** Google's name for the key. */
  keyName: string;
  /** Secret; does not show itself. */
  key: KeyObject;
  /** Where its tokens come from. */
  tokenUrl: string;
}

/** Reads what stands behind `keyfile::`. A fault says what is wrong, and quotes nothing. */
export function readKeyFile(apikey: string): Result<ServiceAccount, string> {
  const text = Buffer.from(apikey.trim().slice(KEY_FILE.length), 'base64').toString('utf8');
  const file = KeyFile.safeParse(jsonOf(text));
  if (!file.success) return failed("its keyfile is no service account's key file in base64");
  const { private_key, private_key_id, client_email, project_id, token_uri } = file.data;
  if (!isTokenUrl(token_uri)) return failed('the token_uri of its keyfile must be https, or on this machine');
  const key = privateKey(private_key);
  if (key === undefined) return failed('the private_key of its keyfile is no RSA key in PEM');
  return ok({ email: client_email, projectId: project_id, keyName: private_key_id, key, tokenUrl: token_uri });
}

/** The project that a key file names, without reading its key; empty where there is none. */
export function projectOf(apikey: string): string {
  if (!apikey.trim().startsWith(KEY_FILE)) return '';
  const read = readKeyFile(apikey);
  return read.ok ? read.value.projectId : '';
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function privateKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'rsa' ? key : undefined;
  } catch {
    // Its message could quote the key.
    return undefined;
  }
}

const ON_THIS_MACHINE = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** What is signed buys a token: it goes over the network in the clear to nobody. */
function isTokenUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && ON_THIS_MACHINE.has(hostname));
}

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

/** As long as Google allows. */
const LIFE_SECONDS = 3600;

/** The form that a token server gives a token for (RFC 7523). */
export function tokenForm({ email, keyName, key, tokenUrl }: ServiceAccount, nowMs: number): string {
  const nowSeconds = Math.floor(nowMs / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(keyName === '' ? {} : { kid: keyName }) };
  const claims = { iss: email, scope: SCOPE, aud: tokenUrl, iat: nowSeconds, exp: nowSeconds + LIFE_SECONDS };
  const said = `${inBase64(header)}.${inBase64(claims)}`;
  const assertion = `${said}.${sign('RSA-SHA256', Buffer.from(said), key).toString('base64url')}`;
  return new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion,
  }).toString();
}

function inBase64(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
