import type { ExportSettings } from '../src/export/messages.ts';
import type { S3Credentials } from '../src/export/s3.ts';
import { readTarget } from '../src/sinks/target.ts';
import { shown, shownUrl } from './problem.ts';
import type { Finding, Path } from './problem.ts';
import { valueAt } from './read.ts';
import type { Config } from './schema.ts';

const SECTION: Path = ['exporters', 's3'];

/** As S3 names buckets: also what can be a name of a host. */
const BUCKET_NAME = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const REGION = /^[a-z0-9-]{1,64}$/;

/** What is wrong with `exporters.s3`, where it is used: an export that could never begin is an error. Never quotes a secret. */
export function exportFindings({ exporters, database }: Config, written: unknown): Finding[] {
  const { s3 } = exporters;
  const findings: Finding[] = [];
  if (s3.prefix.endsWith('/')) {
    findings.push(finding('warning', 'prefix', 'exporters.s3.prefix must not end with a slash', false));
  }
  if (s3.bucket_name === '') {
    if (database.retention.require_export) findings.push(NOTHING_PURGED);
    return findings;
  }
  if (!BUCKET_NAME.test(s3.bucket_name) || s3.bucket_name.includes('..')) {
    findings.push(wrong('bucket_name', `"${shown(textAt(written, 'bucket_name'))}" cannot be the name of a bucket`));
  }
  if (!REGION.test(s3.region)) {
    findings.push(
      wrong('region', `"${shown(textAt(written, 'region'))}" is not the name of a region, such as us-east-1`),
    );
  }
  const problem = endpointProblem(s3.endpoint);
  if (problem !== undefined) {
    findings.push(wrong('endpoint', `the endpoint "${shownUrl(textAt(written, 'endpoint'))}" ${problem}`));
  }
  if (s3.access_key_id !== '' && s3.access_secret === '') {
    findings.push(wrong('access_key_id', 'stands without access_secret: static credentials are both'));
  }
  if (s3.access_key_id === '' && s3.access_secret !== '') {
    findings.push(wrong('access_secret', 'stands without access_key_id: static credentials are both'));
  }
  return findings;
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

function wrong(field: string, message: string): Finding {
  return finding('error', field, message, false);
}

function finding(severity: Finding['severity'], field: string, message: string, advisory: boolean): Finding {
  return { severity, path: [...SECTION, field], atKey: false, message, advisory };
}

function textAt(written: unknown, field: string): string {
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
  const { bucket_name, region, endpoint, prefix, access_key_id, access_secret, every, limit } = exporters.s3;
  if (bucket_name === '') return undefined;
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
    everyMs: every * 1000,
    limit,
    allow: server.egress.allow,
    caFile: server.egress.ca_file,
  };
}
