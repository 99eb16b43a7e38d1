import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/**
 * A key of a config as it is stored: encrypted, and bound to where it stood and to where it may be sent. The name that
 * stands in the text for it says whose it is and how it begins, never enough to use.
 */
export interface SealedSecret {
  /** `keyid:p:anthropic:sk-ant-a:3f0c9a1be27d` */
  reference: string;
  /** Path of the setting without indices, as JSON; of a header, with its name. */
  place: string;
  /** Origin that the key may be sent to; the written text where macros stand in it. */
  destination: string;
  /** Base64 of nonce, ciphertext and tag. */
  sealed: string;
}

export interface OpenSecret {
  /** One letter or two for the kind of owner, as Aperture has them: `p` is a provider. */
  kind: string;
  owner: string;
  place: string;
  destination: string;
  secret: string;
}

export const REFERENCE_PREFIX = 'keyid:';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Shown of a key, as Aperture shows it: the vendor's prefix and hardly more. Never more than a quarter of it. */
const SHOWN_CHARACTERS = 8;
const SHOWN_PART = 4;
/** 48 bits tell the keys of one place apart; the HMAC keeps them from saying anything about the key. */
const FINGERPRINT_DIGITS = 12;

/** Seals and opens with keys derived from the gateway's secret key. */
export class Sealer {
  readonly #sealingKey: Uint8Array;
  readonly #namingKey: Uint8Array;

  constructor(secretKey: Uint8Array) {
    this.#sealingKey = derived(secretKey, 'aperture config secrets: sealing');
    this.#namingKey = derived(secretKey, 'aperture config secrets: naming');
  }

  /** The same secret at the same place for the same destination has the same reference, so that its text is the same. */
  seal({ kind, owner, place, destination, secret }: OpenSecret): SealedSecret {
    const fingerprint = createHmac('sha256', this.#namingKey)
      .update(JSON.stringify([place, destination, secret]))
      .digest('hex')
      .slice(0, FINGERPRINT_DIGITS);
    const reference = `${REFERENCE_PREFIX}${kind}:${owner}:${beginning(secret)}:${fingerprint}`;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#sealingKey, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(boundTo({ reference, place, destination }));
    const parts = [nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()];
    return { reference, place, destination, sealed: Buffer.concat(parts).toString('base64') };
  }

  /** Undefined where it was sealed under another secret key, or changed since. */
  open(secret: SealedSecret): string | undefined {
    const bytes = Buffer.from(secret.sealed, 'base64');
    if (bytes.byteLength < NONCE_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv(CIPHER, this.#sealingKey, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(boundTo(secret));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const opened = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
    try {
      return Buffer.concat([opened, decipher.final()]).toString('utf8');
    } catch {
      // The only way that node:crypto has to say that the tag does not fit.
      return undefined;
    }
  }
}

function derived(secretKey: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secretKey, '', purpose, KEY_BYTES));
}

/** A row that was moved to another place or destination does not open. */
function boundTo({ reference, place, destination }: Omit<SealedSecret, 'sealed'>): Buffer {
  return Buffer.from(JSON.stringify([reference, place, destination]));
}

function beginning(secret: string): string {
  const length = Math.min(SHOWN_CHARACTERS, Math.floor(secret.length / SHOWN_PART));
  return /^[A-Za-z0-9_-]*/.exec(secret.slice(0, length))?.[0] ?? '';
}
