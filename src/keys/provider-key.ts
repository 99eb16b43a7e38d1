import { createHmac } from 'node:crypto';
import type { Fault } from '../contract/fault.ts';
import type { ProviderId } from '../contract/ids.ts';
import type { Provider } from '../contract/provider.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { AccessTokens } from './access-tokens.ts';
import { awsScope, awsSigner, readAwsKey } from './aws-signature.ts';
import type { Sign } from './aws-signature.ts';
import { KEY_FILE, readKeyFile } from './service-account.ts';

/** A provider's credential as config has read it. */
export interface Credential {
  /** Secret. Empty: none. */
  apikey: string;
  authorization: AuthorizationKind;
  authMode: 'override' | 'passthrough' | 'none';
  /** For `aws_sigv4`: where its signatures count. The region may be empty. */
  aws?: { baseUrl: string; region: string };
}

export type AuthorizationKind = HeaderKind | 'aws_sigv4';
/** Those that send the key itself. */
export type HeaderKind = 'bearer' | 'x-api-key' | 'x-goog-api-key' | 'hec' | 'cf-aig-authorization';

/** The id of a key that is the client's own: whose it is, we cannot know. */
const CLIENT_KEY_ID = 'client';

/** What a request is sent with. The headers are behind a getter, so that no log or JSON of it shows them. */
export class Authorization {
  /** A name for the key: the same for the same key, and nothing of it. Empty where no key is sent. */
  readonly keyId: string;
  /** The credential is the client's: then what else it says about its account goes along. */
  readonly fromClient: boolean;
  /** For keys that are not sent but sign: to be asked when the request is as it will be sent. */
  readonly sign: Sign | undefined;
  readonly #headers: readonly (readonly [string, string])[];

  constructor(keyId: string, headers: readonly (readonly [string, string])[], sign?: Sign) {
    this.keyId = keyId;
    this.fromClient = keyId === CLIENT_KEY_ID;
    this.sign = sign;
    this.#headers = headers;
  }

  get headers(): readonly (readonly [string, string])[] {
    return this.#headers;
  }
}

/** How one provider's requests are authorized, made ready once. */
type Way =
  | { kind: 'fixed'; answer: Result<Authorization, Fault> }
  | { kind: 'client first'; names: readonly string[]; otherwise: Result<Authorization, Fault> };

/** Where key names come from when the operator's secret is not given: they stay the same over restarts. */
const NAME_KEY = 'aperture provider key name';

/** Documented for passthrough; a provider whose own kind of header is another one takes that too. */
const CLIENT_CREDENTIALS = ['authorization', 'x-api-key'];

/** The only holder of providers' credentials: they go in here, and out only as headers of an upstream request. */
export class Keys {
  readonly #ways = new Map<string, Way>();

  constructor(credentials: ReadonlyMap<ProviderId, Credential>, maker: Maker) {
    for (const [id, credential] of credentials) this.#ways.set(id, wayOf(id, credential, maker));
  }

  /** Takes the client's headers, names in lower case: in passthrough they may hold the credential to use. */
  authorize(
    provider: Pick<Provider, 'id'>,
    clientHeaders: readonly (readonly [string, string])[],
  ): Result<Authorization, Fault> {
    const way = this.#ways.get(provider.id);
    if (way === undefined) return misconfigured(provider.id, 'its credential was not loaded');
    if (way.kind === 'fixed') return way.answer;
    const own = clientHeaders.filter(([name, value]) => way.names.includes(name) && isCredential(value));
    return own.length > 0 ? ok(new Authorization(CLIENT_KEY_ID, own)) : way.otherwise;
  }
}

/** What ways are made with. */
interface Maker {
  /** Keys the hash that names keys in records. */
  nameKey: string | Uint8Array;
  /** Of service accounts; without them, a key file is of no use. */
  tokens: AccessTokens | undefined;
}

/** `nameKey` keys the hash that names keys in records; `tokens` are shared by all configs of a process. */
export function createKeys(
  credentials: ReadonlyMap<ProviderId, Credential>,
  nameKey: string | Uint8Array = NAME_KEY,
  tokens?: AccessTokens,
): Keys {
  return new Keys(credentials, { nameKey, tokens });
}

/** A signature of the client's is none here: it is over the host and headers of its way to us. */
function isCredential(value: string): boolean {
  return value.trim() !== '' && !value.trimStart().startsWith('AWS4-');
}

function wayOf(id: string, credential: Credential, maker: Maker): Way {
  switch (credential.authMode) {
    case 'none':
      return { kind: 'fixed', answer: ok(new Authorization('', [])) };
    case 'override':
      return { kind: 'fixed', answer: configured(id, credential, maker) };
    case 'passthrough': {
      const own =
        credential.authorization === 'aws_sigv4' ? 'authorization' : headerOf(credential.authorization, '')[0];
      const names = CLIENT_CREDENTIALS.includes(own) ? CLIENT_CREDENTIALS : [...CLIENT_CREDENTIALS, own];
      return { kind: 'client first', names, otherwise: configured(id, credential, maker) };
    }
  }
}

function configured(id: string, credential: Credential, maker: Maker): Result<Authorization, Fault> {
  const { nameKey } = maker;
  // Keys from files and secret stores often come with the line's end.
  const key = credential.apikey.trim();
  // A server without a key wants no header, and an empty one would be refused.
  if (key === '') return ok(new Authorization('', []));
  if (key.startsWith(KEY_FILE)) return serviceAccount(id, key, maker);
  if (!/^[\x20-\x7e]+$/.test(key)) {
    return misconfigured(id, 'its apikey holds characters that no header can carry');
  }
  if (credential.authorization === 'aws_sigv4') return signing(id, key, credential.aws, nameKey);
  return ok(new Authorization(nameOf(key, nameKey), [headerOf(credential.authorization, key)]));
}

function signing(
  id: string,
  key: string,
  aws: Credential['aws'],
  nameKey: string | Uint8Array,
): Result<Authorization, Fault> {
  const read = readAwsKey(key);
  if (!read.ok) return misconfigured(id, read.fault);
  const scope = awsScope(aws?.baseUrl ?? '', aws?.region ?? '');
  if (!scope.ok) return misconfigured(id, scope.fault);
  // Temporary credentials are renewed, and stay one key's.
  const signed = awsSigner(read.value, scope.value);
  const sign: Sign = async (request, nowMs) => ok(await signed(request, nowMs));
  return ok(new Authorization(nameOf(read.value.accessKeyId, nameKey), [], sign));
}

/** A bearer token that is had for a signature of the account's, whatever `authorization` says (aperture.md, section 2.4). */
function serviceAccount(id: string, key: string, { nameKey, tokens }: Maker): Result<Authorization, Fault> {
  const read = readKeyFile(key);
  if (!read.ok) return misconfigured(id, read.fault);
  if (tokens === undefined) return misconfigured(id, 'keyfile:: keys are of no use here');
  const account = read.value;
  const name = nameOf(key, nameKey);
  const sign: Sign = async (_request, nowMs) => {
    const token = await tokens.token(name, account, id, nowMs);
    return token.ok ? ok([headerOf('bearer', token.value)]) : token;
  };
  return ok(new Authorization(name, [], sign));
}

/** aperture.md, section 2.4. */
export function headerOf(kind: HeaderKind, key: string): [string, string] {
  switch (kind) {
    case 'bearer':
      return ['authorization', `Bearer ${key}`];
    case 'x-api-key':
      return ['x-api-key', key];
    case 'x-goog-api-key':
      return ['x-goog-api-key', key];
    case 'hec':
      return ['authorization', `Splunk ${key}`];
    case 'cf-aig-authorization':
      return ['cf-aig-authorization', `Bearer ${key}`];
  }
}

/** 32 bits tell an operator's keys apart; the HMAC keeps them from saying anything about the key. */
function nameOf(key: string, nameKey: string | Uint8Array): string {
  return `key_${createHmac('sha256', nameKey).update(key).digest('hex').slice(0, 8)}`;
}

function misconfigured(provider: string, why: string): Result<never, Fault> {
  return failed({ code: 'provider_misconfigured', provider, why });
}
