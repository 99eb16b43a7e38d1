import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from '../../test/support/certificates.ts';
import { cost, COST_SETTINGS, costLoads } from '../cost.ts';
import type { Answer, Bench, Question, Row } from '../question.ts';
import { interleaved, only } from '../rounds.ts';
import { withVariants } from '../variants.ts';
import type { VariantName, Variants } from '../variants.ts';

const VARIANTS: readonly VariantName[] = ['nginx', 'bare', 'ours, captured'];

export const tls: Question = {
  name: 'tls',
  asks: 'what does it cost more when the provider is asked by TLS, over connections that stay open?',
  minutes: 2,
  ask: async (bench) => {
    const folder = mkdtempSync(join(tmpdir(), 'aperture-bench-'));
    try {
      const certificate = makeCertificate(folder, 'provider');
      return await withVariants(VARIANTS, (plain) =>
        withVariants(VARIANTS, (secure) => ask(bench, plain, secure), certificate),
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function ask(bench: Bench, plain: Variants, secure: Variants): Promise<Answer> {
  const ways = [
    { ...plain, name: 'plain' },
    { ...secure, name: 'TLS' },
  ];
  const rows: Row[] = [];
  for (const load of costLoads(bench)) {
    bench.say(`CPU per ${load.unit}`);
    const variants = ways.flatMap(({ provider, targets, name }) =>
      targets.map((target) => ({
        name: `${target.name}, ${name}`,
        measure: () => cost(bench, provider, target, load),
      })),
    );
    const about = { case: `per ${load.unit}`, warmUp: 1, rounds: bench.size(3, 1) };
    rows.push(...(await interleaved(about, variants)));
  }
  return {
    settings: `${COST_SETTINGS}; TLS 1.3, the provider's certificate is verified`,
    rows: rows.map((row) => only(row, row.case, ['main µs', 'whole µs', 'a second'])),
    judgements: [],
    notes: [],
  };
}
