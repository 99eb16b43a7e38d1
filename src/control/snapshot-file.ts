import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { REVOCATION_KINDS } from '../contract/control.ts';
import type { ControlSnapshot } from '../contract/control.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { writeWhole } from '../lib/whole-file.ts';
import type { SealedSecret } from './sealing.ts';

/** What a process keeps of control state beside its journal: enough to start while the store is away. */
export interface LocalControl {
  snapshot: ControlSnapshot;
  /** Still sealed. */
  secrets: SealedSecret[];
}

const SNAPSHOT = 'control-snapshot.json';
/** The confirmation is told each few seconds and has a file of its own: a snapshot may hold 50,000 logins. */
const CONFIRMED = 'control-confirmed.json';

const Local = z.object({
  snapshot: z.object({
    version: z.int(),
    confirmedAtMs: z.number(),
    config: z.object({ number: z.int(), text: z.string(), hash: z.string() }),
    tokens: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        sha256: z.string(),
        login: z.string(),
        tags: z.array(z.string()),
        createdAtMs: z.number(),
        expiresAtMs: z.number().nullable(),
        revokedAtMs: z.number().nullable(),
      }),
    ),
    revocations: z.array(
      z.object({
        id: z.string(),
        kind: z.enum(REVOCATION_KINDS),
        value: z.string(),
        reason: z.string(),
        by: z.string(),
        createdAtMs: z.number(),
        untilMs: z.number().nullable(),
      }),
    ),
  }),
  secrets: z.array(z.object({ reference: z.string(), place: z.string(), destination: z.string(), sealed: z.string() })),
});
const Confirmed = z.object({ version: z.int(), confirmedAtMs: z.number() });

/** Undefined where there is none; a fault where there is one that cannot be read. */
export function readLocalControl(dataDir: string): Result<LocalControl | undefined, string> {
  const text = textOf(join(dataDir, SNAPSHOT));
  if (text === undefined) return ok(undefined);
  const local = Local.safeParse(parsed(text));
  if (!local.success) return failed(`${join(dataDir, SNAPSHOT)} is damaged`);
  const confirmed = Confirmed.safeParse(parsed(textOf(join(dataDir, CONFIRMED)) ?? ''));
  const { snapshot, secrets } = local.data;
  const isNewer = confirmed.success && confirmed.data.version === snapshot.version;
  const confirmedAtMs = isNewer ? confirmed.data.confirmedAtMs : snapshot.confirmedAtMs;
  return ok({ snapshot: { ...snapshot, confirmedAtMs }, secrets });
}

export function writeLocalControl(dataDir: string, local: LocalControl): void {
  writeWhole(join(dataDir, SNAPSHOT), JSON.stringify(local));
}

export function writeConfirmed(dataDir: string, confirmed: z.infer<typeof Confirmed>): void {
  writeWhole(join(dataDir, CONFIRMED), JSON.stringify(confirmed));
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined where it is no JSON, which no schema here takes. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
