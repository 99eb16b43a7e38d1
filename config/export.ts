import type { ExportSettings } from '../src/export/messages.ts';
import type { S3Credentials } from '../src/export/s3.ts';
import { readTarget } from '../src/sinks/target.ts';
import { shown, shownUrl } from './problem.ts';
import type { Finding, Path } from './problem.ts';
import type { Config } from './schema.ts';
import { valueAt } from './value-at.ts';

const SECTION: Path = ['exporters', 's3'];

/** As S3 names buckets: also what can be a name of a host. */
const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const REGION = /^[a-z0-9-]{1,64}$/;

/**
 * What is wrong with `exporters.s3`. Warnings, as Aperture takes such a config: with a setting that no export can run with,
 * nothing is exported. Never quotes a secret.
 */
export function exportFindings(config: Config, written: unknown): Finding[] {
  const { s3 } = config.exporters;
  const findings = problemsOf(s3).map(([field, problem]): Finding => {
    const quoted = field.startsWith('access') ? '' : ` "${shownOf(field, textAt(written, field))}"`;
    const message = `exporters.s3.${field}${quoted} ${problem}; nothing is exported`;
    return { severity: 'warning', path: [...SECTION, field], atKey: false, message, advisory: true };
  });
  if (s3.prefix.endsWith('/')) {
    const message = 'exporters.s3.prefix must not end with a slash';
    findings.push({ severity: 'warning', path: [...SECTION, 'prefix'], atKey: false, message, advisory: false });
  }
  if (s3.bucket_name === '' && config.database.retention.require_export) findings.push(NOTHING_PURGED);
  return findings;
}

function shownOf(field: Field, value: string): string {
  return field === 'endpoint' ? shownUrl(value) : shown(value);
}

type S3Config = Config['exporters']['s3'];
type Field = 'bucket_name' | 'region' | 'endpoint' | 'access_key_id' | 'access_secret';

/** Why nothing can be exported, by setting; none where nothing is meant to be. */
function problemsOf(s3: S3Config): [Field, string][] {
  const { bucket_name: name, region, endpoint, access_key_id: id, access_secret: secret } = s3;
  if (name === '') return [];
  const problems: [Field, string][] = [];
  if (!BUCKET_NAME.test(name) || name.includes('..')) problems.push(['bucket_name', 'cannot be the name of a bucket']);
  if (!REGION.test(region)) problems.push(['region', 'is not the name of a region, such as us-east-1']);
  const endpointIs = endpointProblem(endpoint);
  if (endpointIs !== undefined) problems.push(['endpoint', endpointIs]);
  if (id !== '' && secret === '') problems.push(['access_key_id', 'stands without access_secret']);
  if (id === '' && secret !== '') problems.push(['access_secret', 'stands without access_key_id']);
  return problems;
}

function endpointProblem(endpoint: string): string | undefined {
  if (endpoint === '') return undefined;
  const target = readTarget(endpoint, false);
  if (!target.ok) return target.fault;
  return target.value.path.includes('?') ? 'must not hold a query' : undefined;
}

const NOTHING_PURGED: Finding = {
  severity: 'warning',
  path: ['database', 'retention', 'require_export'],
  atKey: true,
  message: 'no exporters.s3.bucket_name is set: with "require_export" nothing is purged that is not exported',
  advisory: true,
};

function textAt(written: unknown, field: Field): string {
  const value = valueAt(written, [...SECTION, field]);
  return typeof value === 'string' ? value : '';
}

/**
 * What the export is configured with; undefined where nothing is exported. The environment's credentials serve where the
 * config has none, also for a service other than AWS: where requests go the config alone says, and a signature does not
 * tell the secret.
 */
export function exportOf(
  { exporters, server }: Config,
  environment: S3Credentials | undefined,
): ExportSettings | undefined {
  const { bucket_name, region, endpoint, prefix, access_key_id, access_secret, format, every, limit } = exporters.s3;
  if (bucket_name === '' || problemsOf(exporters.s3).length > 0) return undefined;
  return {
    bucket: {
      name: bucket_name,
      region,
      endpoint: endpoint === '' ? undefined : endpoint,
      prefix: prefix.replace(/\/+$/, ''),
      credentials:
        access_key_id === ''
          ? environment
          : { accessKeyId: access_key_id, secretAccessKey: access_secret, sessionToken: undefined },
    },
    format,
    everyMs: every * 1000,
    limit,
    allow: server.egress.allow,
    caFile: server.egress.ca_file,
  };
}
