import { systemClock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Environment } from '../../config/environment.ts';
import type { Loaded } from '../../config/load.ts';
import { builtFile } from './built-file.ts';
import { ControlThread } from './control-thread.ts';
import type { LocalState } from './local-state.ts';
import { NoConfig } from './no-config.ts';
import { openDatabase } from './open-database.ts';
import type { OpenDatabase } from './open-database.ts';

export interface FirstConfigOptions {
  /** The config's file; with `DATABASE_URL` only what an empty database begins with. */
  file: string;
  /** The file holds also where there is a database, and nothing else changes it. */
  configReadonly: boolean;
  environment: Environment;
  log: Log;
}

/** What a process begins with. */
export interface FirstConfig {
  loaded: Loaded;
  /** Goes on keeping the control state. */
  control: ControlThread;
  /** Starts meanwhile: a config in a file does not wait for it. */
  database: Promise<OpenDatabase>;
}

/** Starts what starts slowly, together: the database, and the keeper of control state. Rejects with `NoConfig`. */
export async function firstConfig(options: FirstConfigOptions, local: LocalState): Promise<FirstConfig> {
  const database = openDatabase(options.environment, local.dataDir, options.log);
  const control = startControl(options, local);
  database.then(
    ({ address }) => {
      control.databaseAt(address);
    },
    // Whoever waits for the database is told.
    () => undefined,
  );
  const first = await control.first();
  if (first.ok) return { loaded: first.value.loaded, control, database };
  await control.close();
  const opened = await database.catch(() => undefined);
  await opened?.embedded?.stop();
  throw new NoConfig(first.fault);
}

function startControl(
  { environment, file, configReadonly, log }: FirstConfigOptions,
  local: LocalState,
): ControlThread {
  const { databaseUrl, listen, logLevel } = environment;
  return ControlThread.start({
    file: builtFile('control'),
    data: {
      dataDir: local.dataDir,
      secretKey: local.secretKey,
      truth: databaseUrl === undefined || configReadonly ? 'file' : 'table',
      readonly: configReadonly,
      file,
      listen,
      logLevel,
    },
    database: databaseUrl === undefined ? undefined : { url: databaseUrl },
    clock: systemClock,
    log,
  });
}
