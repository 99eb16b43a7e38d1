import { z } from 'zod';
import { failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';
import type { EnvironmentVariables } from './macros.ts';
import type { Problem } from './problem.ts';

const text = () => z.string().exactOptional();

/** The variables that the gateway reads by itself; they win over the file. */
const Variables = z.object({
  APERTURE_CONFIG: z.string().default('config/aperture.hujson').describe('The config file'),
  APERTURE_LISTEN: text().describe("One `host:port` in place of the file's `server.listen`"),
  APERTURE_DATA_DIR: z.string().default('.aperture').describe('Journal, embedded database and other local state'),
  APERTURE_SECRET_KEY_FILE: text().describe('File with the key that seals stored secrets'),
  APERTURE_TAILSCALE_SOCKET: z
    .string()
    .default('/var/run/tailscale/tailscaled.sock')
    .describe("The Unix socket of this machine's tailscaled"),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(?:ql)?:\/\//, { error: 'must be a postgres:// URL' })
    .exactOptional()
    .describe('Postgres; without it an embedded one is started'),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, { error: 'must be a redis:// or rediss:// URL' })
    .exactOptional()
    .describe('Redis for queue and shared state; without it the database serves'),
  AWS_ACCESS_KEY_ID: text().describe('Credentials of `exporters.s3`, where the config has none'),
  AWS_SECRET_ACCESS_KEY: text().describe('Credentials of `exporters.s3`, where the config has none'),
  AWS_SESSION_TOKEN: text().describe('With temporary credentials'),
  APERTURE_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'], {
      error: 'must be trace, debug, info, warn, error or fatal',
    })
    .default('info')
    .describe('The least grave lines that are logged'),
});
export const ENVIRONMENT_VARIABLES = Variables.shape;

export interface Environment {
  configFile: string;
  listen: string | undefined;
  dataDir: string;
  secretKeyFile: string | undefined;
  tailscaleSocket: string;
  /** Holds a password: never to be logged. */
  databaseUrl: string | undefined;
  /** Holds a password: never to be logged. */
  redisUrl: string | undefined;
  /** Of an account at AWS, or at whatever store the config names; holds secrets. */
  aws: AwsCredentials | undefined;
  logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
}

export interface AwsCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string | undefined;
}

/** What macros may name: not the addresses that hold our own passwords, which a description would show to anybody. */
export function macroVariables(env: EnvironmentVariables): EnvironmentVariables {
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...others } = env;
  return others;
}

/** Reads the gateway's own variables. An empty one counts as absent. Messages never quote a value. */
export function readEnvironment(env: EnvironmentVariables): Result<Environment, Problem[]> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const read = Variables.safeParse(given);
  if (!read.success) {
    return failed(
      read.error.issues.map(({ path, message }) => {
        return { severity: 'error', path: path.join('.'), line: 0, column: 0, message, advisory: false };
      }),
    );
  }
  const variables = read.data;
  return ok({
    configFile: variables.APERTURE_CONFIG,
    listen: variables.APERTURE_LISTEN,
    dataDir: variables.APERTURE_DATA_DIR,
    secretKeyFile: variables.APERTURE_SECRET_KEY_FILE,
    tailscaleSocket: variables.APERTURE_TAILSCALE_SOCKET,
    databaseUrl: variables.DATABASE_URL,
    redisUrl: variables.REDIS_URL,
    aws: awsOf(variables),
    logLevel: variables.APERTURE_LOG_LEVEL,
  });
}

/** Undefined where one half is missing. */
function awsOf(variables: z.infer<typeof Variables>): AwsCredentials | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = variables;
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  return { accessKeyId, secretAccessKey, sessionToken: AWS_SESSION_TOKEN };
}
