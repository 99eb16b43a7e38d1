import { readFileSync } from 'node:fs';
import { errorChain } from '../src/lib/log.ts';
import type { TestCertificate } from '../test/support/certificates.ts';
import { goFirst } from './load/priority.ts';
import { startProvider } from './targets.ts';
import type { Target, Upstream } from './targets.ts';
import { startNginx } from './targets/nginx.ts';
import { startOurs } from './targets/ours.ts';
import { startBare, startNodeHttp } from './targets/pass-through.ts';
import { startPortkey } from './targets/portkey.ts';

/** Each way to the provider, by its name in the tables. */
const STARTS = {
  /** The simulator itself: what a client without a gateway gets. */
  direct: (upstream: Upstream & Target) =>
    Promise.resolve({ ...upstream, name: 'direct', stop: () => Promise.resolve() }),
  nginx: startNginx,
  bare: startBare,
  'node-http': startNodeHttp,
  portkey: startPortkey,
  'ours, bare': (upstream: Upstream) => startOurs(upstream, 'ours, bare'),
  'ours, governed': (upstream: Upstream) => startOurs(upstream, 'ours, governed'),
  'ours, captured': (upstream: Upstream) => startOurs(upstream, 'ours, captured'),
  'ours, rules': (upstream: Upstream) => startOurs(upstream, 'ours, rules'),
  'ours, quotas': (upstream: Upstream) => startOurs(upstream, 'ours, quotas'),
};
export type VariantName = keyof typeof STARTS;

export const EVERY_VARIANT: readonly VariantName[] = [
  'direct',
  'nginx',
  'bare',
  'node-http',
  'portkey',
  'ours, bare',
  'ours, governed',
  'ours, captured',
  'ours, quotas',
  'ours, rules',
];

export interface Variants {
  provider: Target;
  targets: Target[];
  /** What could not be had, and why: a note for the reader. */
  leftOut: string[];
}

/** Starts a provider and these ways to it, one after the other, and stops them all, whatever comes of the work. */
export async function withVariants<T>(
  names: readonly VariantName[],
  work: (variants: Variants) => Promise<T>,
  certificate?: TestCertificate,
): Promise<T> {
  const provider = await startProvider({
    digests: false,
    ...(certificate === undefined
      ? {}
      : { tls: { cert: certificate.cert, key: readFileSync(certificate.keyFile, 'utf8') } }),
  });
  for (const pid of provider.pids) goFirst(pid);
  const upstream = { ...provider, ...(certificate === undefined ? {} : { caFile: certificate.certFile }) };
  const targets: Target[] = [];
  const leftOut: string[] = [];
  try {
    for (const name of names) {
      try {
        targets.push(await STARTS[name](upstream));
      } catch (error) {
        // Portkey is no dependency of ours: a machine without a registry measures the others.
        if (name !== 'portkey') throw error;
        leftOut.push(`portkey is left out: ${errorChain(error)}`);
      }
    }
    return await work({ provider, targets, leftOut });
  } finally {
    for (const target of targets) await target.stop();
    await provider.stop();
  }
}
