import { z } from 'zod';
import type { ServerSettings } from '../config/slices.ts';
import type { ExportSettings } from '../src/export/messages.ts';
import type { JobsSettings } from '../src/records/messages.ts';
import type { DeliverySettings } from '../src/sinks/messages.ts';

const Database = z.union([
  z.object({ url: z.string() }),
  z.object({ host: z.string(), port: z.int(), user: z.string(), password: z.string(), database: z.string() }),
]);

/** What the main thread hands over when it starts a thread that talks to the database. Holds a password. */
export const ApiData = z.object({
  database: Database,
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
});
export type ApiData = z.infer<typeof ApiData>;

/** Of the thread that answers the JSON API. */
export const ReaderData = ApiData.extend({
  /** Secret: what receipts are signed with. */
  auditSeed: z.instanceof(Uint8Array).optional(),
});
export type ReaderData = z.infer<typeof ReaderData>;

export const JobsData = ApiData.extend({
  redisUrl: z.string().optional(),
  gatewayId: z.string(),
  settings: z.custom<JobsSettings>(),
  /** The oldest journal segment that this gateway still has. */
  fromSegment: z.int(),
  /** Whether this process runs the job processors (`serve`, `worker`), or only fills the queue (`gateway`). */
  process: z.boolean(),
});
export type JobsData = z.infer<typeof JobsData>;

export const CaptureData = ApiData;
export type CaptureData = z.infer<typeof CaptureData>;

export const DeliveriesData = ApiData.extend({
  redisUrl: z.string().optional(),
  /** Whose metrics are pushed. */
  gatewayId: z.string().optional(),
  /** Secret: with the keys that webhooks are signed with. */
  settings: z.custom<DeliverySettings>(),
});
export type DeliveriesData = z.infer<typeof DeliveriesData>;

export const ExportData = ApiData.extend({
  /** Secret: with the bucket's credentials. */
  settings: z.custom<ExportSettings>(),
});
export type ExportData = z.infer<typeof ExportData>;

export const QuotaData = ApiData.extend({
  /** Buckets live there; in the database without it. */
  redisUrl: z.string().optional(),
  /** Names of all quotas that are defined. */
  names: z.array(z.string()),
});
export type QuotaData = z.infer<typeof QuotaData>;

export const ControlData = z.object({
  /** Absent while the embedded one starts. */
  database: Database.optional(),
  logLevel: ApiData.shape.logLevel,
  dataDir: z.string(),
  /** Secret: keys of configs are sealed with what is derived from it. */
  secretKey: z.instanceof(Uint8Array),
  /** Which config holds: the file's, or the newest of the table, which the file only begins. */
  truth: z.enum(['file', 'table']),
  /** Saves are refused. */
  readonly: z.boolean(),
  file: z.string(),
  /** `APERTURE_LISTEN`. */
  listen: z.string().optional(),
  /** Settings that the process runs with; absent at its start. */
  startedWith: z.custom<ServerSettings>().optional(),
});
export type ControlData = z.infer<typeof ControlData>;
