import * as z from 'zod/mini';
import { Nanodollars, STATES, Usage, Verdict as SomeVerdict } from '../../api/shapes.ts';

/* `GET /api/requests/{id}`: the record with all that is known of it, and what was captured beside it. */

const Headers = z.array(z.tuple([z.string(), z.string()]));
export type Headers = z.infer<typeof Headers>;

const Body = z.looseObject({ bytes: z.number(), left_out: z.nullable(z.string()) });

/** After so many bytes of the response had come, so many ms had passed since the request was received. */
const Pace = z.array(z.tuple([z.number(), z.number()]));
export type Pace = z.infer<typeof Pace>;

export const Capture = z.looseObject({
  request_headers: Headers,
  response_headers: Headers,
  request: z.nullable(Body),
  response: z.nullable(Body),
  missing_frames: z.number(),
  response_pace: z.optional(z.nullable(Pace)),
});
export type Capture = z.infer<typeof Capture>;

export const Verdict = z.extend(SomeVerdict, { at_ms: z.number() });
export type Verdict = z.infer<typeof Verdict>;

const Attempt = z.looseObject({ provider: z.string(), started_at_ms: z.number(), outcome: z.string() });

/** What amendments have changed, as it was booked at first. */
const Booked = z.looseObject({
  usage: z.nullable(Usage),
  cost_nanodollars: z.nullable(Nanodollars),
  cost_basis: z.nullable(z.string()),
  price_version: z.nullable(z.string()),
});

const Amendment = z.looseObject({ at: z.string(), kind: z.string() });

const text = z.nullable(z.string());

export const RequestRecord = z.looseObject({
  id: z.string(),
  received_at: z.string(),
  first_byte_at: text,
  ended_at: z.string(),
  login: z.string(),
  node_name: z.string(),
  groups: z.array(z.string()),
  agent: z.string(),
  client_version: z.string(),
  provider: z.string(),
  model: z.string(),
  model_served: text,
  api: z.string(),
  method: z.string(),
  path: z.string(),
  status: z.number(),
  stream: z.boolean(),
  state: z.enum(STATES),
  denied_by: text,
  usage: z.nullable(Usage),
  usage_state: z.string(),
  usage_flags: z.array(z.string()),
  cost_nanodollars: z.nullable(Nanodollars),
  cost_basis: text,
  price_version: text,
  service_tier: text,
  session_id: z.string(),
  stop_reason: text,
  attempts: z.array(Attempt),
  edits: z.array(z.looseObject({ kind: z.string(), side: z.string(), detail: z.string() })),
  verdicts: z.array(Verdict),
  grant_ids: z.array(z.string()),
  quota_charges: z.array(z.looseObject({ bucket: z.string(), nanodollars: z.number() })),
  config_version: z.string(),
  request_bytes: z.number(),
  response_bytes: z.number(),
  request_sha256: text,
  response_sha256: text,
  provider_request_id: text,
  response_id: text,
  error: z.nullable(z.looseObject({ code: z.string(), message: z.string() })),
  booked: z.nullable(Booked),
  amendments: z.array(Amendment),
  capture: z.nullable(Capture),
});
export type RequestRecord = z.infer<typeof RequestRecord>;
