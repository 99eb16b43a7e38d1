import type { Environment } from '../../config/environment.ts';
import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { DatabaseAddress } from '../store/database.ts';
import type { EmbeddedPostgres } from '../store/embedded-postgres.ts';

export interface OpenDatabase {
  address: DatabaseAddress;
  /** Ours to stop. */
  embedded: EmbeddedPostgres | undefined;
}

/**
 * The operator's database, or the embedded one of this data directory: started, or shared with the gateway that runs it
 * already.
 */
export async function openDatabase(environment: Environment, dataDir: string, log: Log): Promise<OpenDatabase> {
  if (environment.databaseUrl !== undefined) {
    return { address: { url: environment.databaseUrl }, embedded: undefined };
  }
  // With all that it needs, only where there is no other: a gateway with a DATABASE_URL starts sooner without.
  const { startEmbeddedPostgres } = await import('../store/embedded-postgres.ts');
  const embedded = await startEmbeddedPostgres({
    dataDir,
    clock: systemClock,
    onEvent: (what) => {
      log.warn({ what }, 'embedded Postgres');
    },
  });
  return { address: embedded.address, embedded };
}
