import * as z from 'zod/mini';
import { Nanodollars, pageOf, STATES, ToolCallInShort, Usage } from '../../api/shapes.ts';

const Fault = z.nullable(z.looseObject({ code: z.string(), message: z.string() }));

/** What a request of a list and a turn of a session have in common. */
const inShort = {
  id: z.string(),
  received_at: z.string(),
  ended_at: z.string(),
  provider: z.string(),
  model: z.string(),
  model_served: z.nullable(z.string()),
  api: z.string(),
  agent: z.string(),
  agent_id: z.nullable(z.string()),
  status: z.number(),
  state: z.enum(STATES),
  stop_reason: z.nullable(z.string()),
  usage: z.nullable(Usage),
  usage_state: z.string(),
  cost_nanodollars: z.nullable(Nanodollars),
  tool_calls: z.array(ToolCallInShort),
  error: Fault,
};

/** An item of `GET /api/requests`. */
export const RequestRow = z.looseObject({
  ...inShort,
  login: z.string(),
  first_byte_at: z.nullable(z.string()),
  session_id: z.string(),
  denied_by: z.nullable(z.string()),
  tool_call_count: z.number(),
  edits: z.array(z.looseObject({ kind: z.string(), side: z.string(), detail: z.string() })),
});
export type RequestRow = z.infer<typeof RequestRow>;
export const RequestPage = pageOf(RequestRow);
export type RequestPage = z.infer<typeof RequestPage>;

/** A request of one session. */
export const Turn = z.looseObject(inShort);
export type Turn = z.infer<typeof Turn>;

/** An item of `GET /api/sessions`. */
export const SessionRow = z.looseObject({
  session_id: z.string(),
  parent_session_id: z.nullable(z.string()),
  login: z.string(),
  first_at: z.string(),
  last_at: z.string(),
  last_record_id: z.string(),
  requests: z.number(),
  errors: z.number(),
  usage_absent: z.number(),
  cost_unknown: z.number(),
  usage: Usage,
  cost_nanodollars: Nanodollars,
  tool_calls: z.number(),
  models: z.array(z.string()),
  agents: z.array(z.string()),
});
export type SessionRow = z.infer<typeof SessionRow>;
export const SessionPage = pageOf(SessionRow);

/** `GET /api/sessions/{id}`. */
export const SessionReport = z.looseObject({
  session: SessionRow,
  requests: z.array(Turn),
  truncated: z.boolean(),
  children: z.array(SessionRow),
});
export type SessionReport = z.infer<typeof SessionReport>;

/** An item of `GET /api/tools`: a call, and the first result that a later request carried. */
export const ToolCall = z.looseObject({
  id: z.nullable(z.string()),
  name: z.string(),
  bytes: z.number(),
  record_id: z.string(),
  at: z.string(),
  result: z.nullable(
    z.looseObject({ bytes: z.number(), is_error: z.boolean(), record_id: z.string(), at: z.string() }),
  ),
});
export type ToolCall = z.infer<typeof ToolCall>;
export const ToolPage = pageOf(ToolCall);
