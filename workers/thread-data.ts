import { z } from 'zod';

/** What the main thread hands over when it starts a thread that talks to the database. Holds a password. */
export const ApiData = z.object({
  database: z.union([
    z.object({ url: z.string() }),
    z.object({ host: z.string(), port: z.int(), user: z.string(), password: z.string(), database: z.string() }),
  ]),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
});
export type ApiData = z.infer<typeof ApiData>;

export const JobsData = ApiData.extend({
  redisUrl: z.string().optional(),
  gatewayId: z.string(),
  /** The oldest journal segment that this gateway still has. */
  fromSegment: z.int(),
  /** Whether this process runs the job processors (`serve`, `worker`), or only fills the queue (`gateway`). */
  process: z.boolean(),
});
export type JobsData = z.infer<typeof JobsData>;

export const CaptureData = ApiData.extend({
  redisUrl: z.string().optional(),
  gatewayId: z.string(),
  journalFolder: z.string(),
});
export type CaptureData = z.infer<typeof CaptureData>;
