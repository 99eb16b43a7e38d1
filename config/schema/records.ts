import { z } from 'zod';
import { EXPORT_FORMATS } from '../../src/export/format.ts';
import { duration } from './fields.ts';
import { OtlpConfig } from './otlp.ts';
import { SyslogConfig } from './syslog.ts';
import { WebhookConfig } from './webhooks.ts';

/** S3 exports hold at most this many records; a larger `limit` is cut silently, as Aperture does. */
const MOST_EXPORTED = 10_000;

export const DatabaseConfig = z.strictObject({
  retention: z
    .strictObject({
      duration: z
        .union([z.literal('').transform(() => undefined), z.literal('0').transform(() => 0), duration('1h', '3650d')], {
          error: 'is not a duration between 1h and 3650d, "0" or ""',
        })
        .meta({ format: 'duration' })
        .prefault('')
        .describe(
          'How long records are kept, such as "30d" or "720h". "": a year; "0": nothing is kept here. Figures are kept for good',
        ),
      require_export: z.boolean().default(false).describe('Only what exporters.s3 has exported is purged'),
      purge: z
        .array(z.enum(['captures', 'tools']))
        .default(['captures'])
        .describe('What is purged: bodies and headers; names, arguments and results of tools'),
    })
    .prefault({})
    .describe('Purging; usage figures are never purged'),
  save_raws: z.boolean().default(false).describe('Keep bodies that are not text'),
  keep_encrypted_blobs: z.boolean().default(false).describe('Keep encrypted parts of bodies'),
  headers: z
    .strictObject({
      filterable: z
        .array(
          z.strictObject({
            name: z.string().default('').describe('Header, in any case'),
            redact_values: z.boolean().default(false).describe('Index its presence only'),
          }),
        )
        .default([])
        .describe('Headers that logs can be filtered by'),
    })
    .prefault({})
    .describe('Header index'),
});

export const ExportersConfig = z.strictObject({
  s3: z
    .strictObject({
      bucket_name: z.string().default('').describe('Empty: no export'),
      endpoint: z
        .string()
        .default('')
        .describe('Services other than AWS: https, or http within server.egress.allow; empty: AWS'),
      region: z.string().default('us-east-1').describe('Always needed'),
      prefix: z.string().default('').describe('Begins each object name; no slash at its end'),
      access_key_id: z.string().default('').describe('Static credentials; without them AWS_ACCESS_KEY_ID and its like'),
      access_secret: z.string().default('').describe('Static credentials'),
      format: z
        .enum(EXPORT_FORMATS)
        .default('cbor')
        .describe('How files are written: cbor, as Aperture does, or parquet (extension)'),
      every: z.int().min(1).max(86_400).default(3600).describe('Seconds between exports'),
      limit: z
        .int()
        .min(1)
        .transform((limit) => Math.min(limit, MOST_EXPORTED))
        .prefault(1000)
        .describe('Records per export; at most 10000'),
    })
    .prefault({})
    .describe('Export of records to S3 (docs/export.md)'),
  webhooks: z
    .record(z.string(), WebhookConfig)
    .default({})
    .describe('Delivery of events to other systems, by name (extension; docs/siem.md)'),
  otlp: z
    .record(z.string(), OtlpConfig)
    .default({})
    .describe('OpenTelemetry: traces, metrics and logs, by name (extension; docs/opentelemetry.md)'),
  syslog: z
    .record(z.string(), SyslogConfig)
    .default({})
    .describe('The same over syslog, by name (extension; docs/siem.md#syslog)'),
});
