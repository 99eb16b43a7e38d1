import { createHash, createPrivateKey, createPublicKey, hkdfSync, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** What checkpoints and receipts are signed with. */
export interface AuditKey extends AuditPublicKey {
  sign(text: string): Buffer;
}

export interface AuditPublicKey {
  /** SHA-256 of the public key (DER, SubjectPublicKeyInfo), hex. */
  id: string;
  /** SubjectPublicKeyInfo. */
  pem: string;
  verify(text: string, signature: Uint8Array): boolean;
}

const SEED_BYTES = 32;
/** An Ed25519 private key in PKCS #8 is these bytes and its seed (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The seed of the signing key, derived from the gateway's secret key: the same wherever that is. Secret. */
export function auditSeedOf(secretKey: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync('sha256', secretKey, '', 'aperture audit: checkpoints', SEED_BYTES));
}

export function auditKeyOf(seed: Uint8Array): AuditKey {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  return { ...publicKeyOf(createPublicKey(key)), sign: (text) => sign(null, Buffer.from(text), key) };
}

/** @throws Error for what is no Ed25519 public key in PEM. */
export function readPublicKey(pem: string): AuditPublicKey {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('is not an Ed25519 public key');
  return publicKeyOf(key);
}

function publicKeyOf(key: KeyObject): AuditPublicKey {
  const der = key.export({ format: 'der', type: 'spki' });
  return {
    id: createHash('sha256').update(der).digest('hex'),
    pem: key.export({ format: 'pem', type: 'spki' }).toString(),
    verify: (text, signature) => verify(null, Buffer.from(text), key, signature),
  };
}
