import { createHash } from 'node:crypto';
import { failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';
import { readAddress } from './address.ts';
import { readHujson } from './hujson.ts';
import type { HujsonDocument, Place } from './hujson.ts';
import { substituteMacros } from './macros.ts';
import type { EnvironmentVariables } from './macros.ts';
import { errorAt, pathText } from './problem.ts';
import type { Finding, Path, Problem } from './problem.ts';
import { readConfig } from './read.ts';
import { remarksOn } from './remarks.ts';
import type { Config } from './schema.ts';

export interface ConfigSource {
  text: string;
  /** Name of the file, for messages. */
  file: string;
  /** What `${NAME}` in the text stands for. */
  env: EnvironmentVariables;
  /** `APERTURE_LISTEN`: replaces the file's `server.listen` by one address. */
  listen?: string | undefined;
  /** As on save and in validation: what Aperture warns about is an error. Remarks of ours stay warnings. */
  strict?: boolean;
  /** Puts keys in place of references to stored ones, before macros are substituted. Absent: there are none. */
  openSecrets?: (value: unknown) => { value: unknown; faults: { path: Path; message: string }[] };
}

export interface Loaded {
  file: string;
  /** Frozen, all the way down. Holds provider keys: never to be logged. */
  config: Config;
  warnings: Problem[];
  /** SHA-256 of the text, hex. */
  hash: string;
}

/** Reads a config whole, or says everything that is wrong with it, warnings included, in the order of the file. */
export function loadConfig(source: ConfigSource): Result<Loaded, Problem[]> {
  const strict = source.strict ?? false;
  if (strict && source.text.trim() === '') return failed([emptySave()]);
  const document = readHujson(source.text);
  if (document.syntaxErrors.length > 0) {
    return failed(
      document.syntaxErrors.map(({ message, place }) => {
        return { severity: 'error', path: '', ...place, message, advisory: false };
      }),
    );
  }

  const opened = source.openSecrets?.(document.value) ?? { value: document.value, faults: [] };
  const substituted = substituteMacros(opened.value, source.env);
  const read = readConfig(substituted.value, document.value);
  const override = overrideListen(read.config, source.listen);
  const found: Finding[] = [
    ...opened.faults.map(secretFinding),
    ...substituted.unsubstituted.map(unsubstitutedFinding),
    ...read.findings,
  ];
  const isWhole = read.findings.every(({ path }) => path.length > 0);
  const remarks = override.ok && isWhole ? remarksOn(override.value, document.value) : [];
  const problems = [
    ...document.duplicateKeys.map(({ key, path, place }) => duplicateKey(key, path, place)),
    ...found.map((finding) => placed(finding, document)),
    ...remarks.map((finding) => {
      const ofOverride = source.listen !== undefined && pathText(finding.path).startsWith('server.listen[0]');
      return ofOverride ? environmentProblem(finding.message) : placed(finding, document);
    }),
    ...(override.ok ? [] : [environmentProblem(override.fault)]),
  ]
    .map((problem): Problem => (strict && !problem.advisory ? { ...problem, severity: 'error' } : problem))
    .sort((a, b) => a.line - b.line || a.column - b.column);
  if (!override.ok || problems.some(({ severity }) => severity === 'error')) return failed(problems);
  return ok({
    file: source.file,
    config: deepFreeze(override.value),
    warnings: problems,
    hash: createHash('sha256').update(source.text).digest('hex'),
  });
}

/** One address in place of the file's; how callers are known there stays what the file's first listener says. */
function overrideListen(config: Config, listen: string | undefined): Result<Config, string> {
  if (listen === undefined) return ok(config);
  const address = readAddress(listen);
  if (!address.ok) return failed(`"${listen}" ${address.fault}`);
  const first = config.server.listen[0];
  return ok({ ...config, server: { ...config.server, listen: [{ ...first, address: address.value }] } });
}

function placed(finding: Finding, document: HujsonDocument): Problem {
  const { severity, path, atKey, message, advisory } = finding;
  const place = atKey ? document.placeOfKey(path) : document.placeOf(path);
  return { severity, path: pathText(path), ...place, message, advisory };
}

function duplicateKey(key: string, path: Path, place: Place): Problem {
  const message = `duplicate config key "${key}"`;
  return { severity: 'warning', path: pathText(path), ...place, message, advisory: false };
}

function environmentProblem(message: string): Problem {
  return { severity: 'error', path: 'APERTURE_LISTEN', line: 0, column: 0, message, advisory: false };
}

function emptySave(): Problem {
  const message = 'config must not be empty';
  return { severity: 'error', path: '', line: 1, column: 1, message, advisory: false };
}

function unsubstitutedFinding({ path, names }: { path: Path; names: string[] }): Finding {
  const message = `unsubstituted macros: [${names.join(' ')}]`;
  return errorAt(path, message);
}

function secretFinding({ path, message }: { path: Path; message: string }): Finding {
  return errorAt(path, message);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
