import { X509Certificate, createHash, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';

/** A certificate chain and its private key, in files; the same file may hold both. */
export interface KeyPair {
  certFile: string;
  keyFile: string;
  /** Changes with the bytes of either file. */
  version: string;
  expiresAtMs: number;
}

/** Reads and checks both files; the fault is a sentence that names the file. */
export async function readKeyPair(certFile: string, keyFile: string): Promise<Result<KeyPair, string>> {
  const [cert, key] = await Promise.all([read(certFile), read(keyFile)]);
  if (!cert.ok) return failed(`the certificate ${certFile} cannot be read (${cert.fault})`);
  if (!key.ok) return failed(`the key ${keyFile} cannot be read (${key.fault})`);
  const certificate = parsed(() => new X509Certificate(cert.value));
  if (certificate === undefined) return failed(`${certFile} holds no certificate in PEM`);
  const privateKey = parsed(() => createPrivateKey(key.value));
  if (privateKey === undefined)
    return failed(`${keyFile} holds no private key in PEM that can be used without a password`);
  if (!certificate.checkPrivateKey(privateKey)) {
    return failed(`the key ${keyFile} does not belong to the certificate ${certFile}`);
  }
  return ok({
    certFile,
    keyFile,
    version: createHash('sha256').update(cert.value).update('\0').update(key.value).digest('hex'),
    expiresAtMs: Date.parse(certificate.validTo),
  });
}

async function read(file: string): Promise<Result<Buffer, string>> {
  try {
    return ok(await readFile(file));
  } catch (error) {
    return failed(error instanceof Error && 'code' in error ? String(error.code) : String(error));
  }
}

/** OpenSSL's words say less than the file's name does, and may quote it. */
function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined; // What is no PEM of its kind.
  }
}
