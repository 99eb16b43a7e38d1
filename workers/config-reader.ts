import { createHash } from 'node:crypto';
import type { Caller } from '../src/contract/caller.ts';
import type { ControlConfig } from '../src/contract/control.ts';
import { compileAccess } from '../src/access/grants.ts';
import type { Sealer, SealedSecret } from '../src/control/sealing.ts';
import { openSecrets, sealText } from '../src/control/secrets.ts';
import { failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';
import { storableText } from '../src/lib/storable-text.ts';
import { unservedBy } from '../src/serve/unserved.ts';
import { readHujson } from '../config/hujson.ts';
import { loadConfig } from '../config/load.ts';
import type { Loaded } from '../config/load.ts';
import type { EnvironmentVariables } from '../config/macros.ts';
import { pathText } from '../config/problem.ts';
import type { Path, Problem } from '../config/problem.ts';
import { grantsOf, serverOf } from '../config/slices.ts';

/** A text that this process can run, in both of its forms. */
export interface ReadConfig {
  /** With keys; its hash is that of the stored text. */
  loaded: Loaded;
  /** As it is stored: with references. */
  config: Omit<ControlConfig, 'number'>;
  /** What stood in the text as it was written. */
  secrets: SealedSecret[];
}

export interface ConfigReader {
  /** `known`: the sealed keys that references may name. All that is wrong comes at once, with its place. */
  read(
    text: string,
    options: { strict: boolean; known: ReadonlyMap<string, SealedSecret> },
  ): Result<ReadConfig, Problem[]>;
}

export function createConfigReader(parts: {
  file: string;
  env: EnvironmentVariables;
  listen: string | undefined;
  sealer: Sealer;
}): ConfigReader {
  const { file, env, listen, sealer } = parts;
  return {
    read: (text, { strict, known }) => {
      const loaded = loadConfig({
        text,
        file,
        env,
        listen,
        strict,
        openSecrets: (value) => openSecrets(value, known, sealer),
      });
      if (!loaded.ok) return loaded;
      const sealed = sealText(text, sealer);
      const faults = [
        ...sealed.misplaced,
        ...unservedBy(serverOf(loaded.value.config)).map((what) => ({
          path: ['server'],
          message: `this build does not serve ${what}`,
        })),
        ...(storableText(text) === text ? [] : [{ path: [], message: 'holds a character that cannot be stored' }]),
      ];
      if (faults.length > 0)
        return failed([...faults.map((fault) => problemIn(text, fault)), ...loaded.value.warnings]);
      const hash = createHash('sha256').update(sealed.text).digest('hex');
      return ok({
        loaded: { ...loaded.value, hash },
        config: { text: sealed.text, hash },
        secrets: sealed.secrets,
      });
    },
  };
}

/**
 * The guard against locking oneself out: what is wrong with a config for the one who saves it. Judged by the caller as
 * the network knows them now: login, tags, groups and capabilities.
 */
export function lockOut({ loaded }: ReadConfig, caller: Caller): Problem[] {
  const { config } = loaded;
  const place = { severity: 'error', line: 1, column: 1, advisory: false } as const;
  if (compileAccess(grantsOf(config)).decide(caller).role !== 'admin') {
    const message = `this config would take role:admin from you (${caller.login}): nobody can lock themselves out by a save`;
    return [{ ...place, path: 'grants', message }];
  }
  if (!serverOf(config).listeners.some(({ identity }) => identity.includes(caller.source))) {
    const message = `no listener of this config would know you by "${caller.source}", as you are known now: nobody can lock themselves out by a save`;
    return [{ ...place, path: 'server.listen', message }];
  }
  return [];
}

function problemIn(text: string, { path, message }: { path: Path; message: string }): Problem {
  return { severity: 'error', path: pathText(path), ...readHujson(text).placeOf(path), message, advisory: false };
}
