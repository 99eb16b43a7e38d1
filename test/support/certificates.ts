import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface TestCertificate {
  certFile: string;
  keyFile: string;
  /** What a client that is to trust it is given. */
  cert: string;
  /** As tailscaled hands both out. */
  pair: string;
}

/** A certificate of its own authority for loopback and `*.ts.net` names, with the common name to tell it by. */
export function makeCertificate(folder: string, commonName: string): TestCertificate {
  const [certFile, keyFile] = [join(folder, `${commonName}.crt`), join(folder, `${commonName}.key`)];
  const done = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-subj', `/CN=${commonName}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:*.tail9da30d.ts.net'],
      ...['-out', certFile, '-keyout', keyFile],
    ],
    { encoding: 'utf8' },
  );
  if (done.status !== 0) throw new Error(`openssl: ${done.error?.message ?? done.stderr}`);
  chmodSync(keyFile, 0o600);
  const cert = readFileSync(certFile, 'utf8');
  return { certFile, keyFile, cert, pair: readFileSync(keyFile, 'utf8') + cert };
}

/** Puts one certificate's files in place of another's. */
export function replaceCertificate(at: { certFile: string; keyFile: string }, by: TestCertificate): void {
  writeFileSync(at.certFile, by.cert);
  writeFileSync(at.keyFile, readFileSync(by.keyFile));
}
