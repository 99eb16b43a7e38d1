import type { Environment } from '../../config/environment.ts';
import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { DatabaseAddress } from '../store/database.ts';
import { startEmbeddedPostgres } from '../store/embedded-postgres.ts';
import type { EmbeddedPostgres } from '../store/embedded-postgres.ts';

/**
 * The operator's database, or the embedded one of this data directory: started, or shared with the gateway that runs it
 * already.
 */
export async function openDatabase(
  environment: Environment,
  dataDir: string,
  log: Log,
): Promise<{ address: DatabaseAddress; embedded: EmbeddedPostgres | undefined }> {
  if (environment.databaseUrl !== undefined) {
    return { address: { url: environment.databaseUrl }, embedded: undefined };
  }
  const embedded = await startEmbeddedPostgres({
    dataDir,
    clock: systemClock,
    onEvent: (what) => {
      log.warn({ what }, 'embedded Postgres');
    },
  });
  return { address: embedded.address, embedded };
}
