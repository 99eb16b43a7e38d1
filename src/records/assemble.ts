import type { BatchUsage } from '../contract/batch.ts';
import type { Closed, Opened } from '../contract/exchange.ts';
import type { Facts, ResponseFacts, SessionFacts, ToolCall } from '../contract/facts.ts';
import type { Verdict } from '../contract/guardrail.ts';
import type { QuotaCharge } from '../contract/quota.ts';
import type { ExchangeRecord, LateUsage } from '../contract/record.ts';
import { readTraceParent } from '../contract/trace.ts';
import { outcomeOf } from './outcome.ts';
import { cutBytes, cutText, safeText } from './safe-text.ts';

/** What the journal still tells of an exchange whose `closed` frame is missing. */
export interface Remains {
  /** Status of the provider's response; 0 when none came. */
  status: number;
  request_bytes: number;
  response_bytes: number;
  /** When it was last heard of, milliseconds since the epoch; null where nothing says. */
  last_at_ms: number | null;
}

export interface AssembleInput {
  opened: Opened;
  /** Undefined when the process died before the end. */
  closed: Closed | undefined;
  /** Undefined when no inspector could read the exchange, or none had to: it was refused before a provider. */
  facts: Facts | undefined;
  gateway: string;
  /** The journal segment that holds the `opened` frame. */
  segment: number;
  remains?: Remains | undefined;
  /** What headers tell of the session, where there are no facts: a refused request's. */
  session?: (Omit<SessionFacts, 'base'> & { base: string | null }) | undefined;
  /** Frames that the journal dropped or lost: above zero, the facts were read from holes. */
  missingFrames?: number | undefined;
  /** What it was charged; decided once, and the same at each replay. */
  charges?: readonly QuotaCharge[];
  /** Whether to look which trace the client says that it belongs to. */
  traced?: boolean;
}

const NOTHING_LEFT: Remains = { status: 0, request_bytes: 0, response_bytes: 0, last_at_ms: null };

/**
 * Bounds of what comes from clients and providers: a record fits into a job (limits.ts, JOB_BYTES) also when JSON writes
 * each character as six, and an ordinary one hundreds of times.
 */
const NAME_CHARS = 512;
const LABEL_CHARS = 128;
const SHORT_CHARS = 64;
const PATH_CHARS = 2048;
const TOOL_CALLS = 128;
/** Of a request, the last ones: as many as a response can have calls. */
const TOOL_RESULTS = 128;
/** A call's arguments, and those of all calls of a record. The capture store has them whole. */
const ARGUMENT_BYTES = 64 * 1024;
const ARGUMENTS_BYTES = 96 * 1024;
const DETAIL_CHARS = 48 * 1024;
const DETAIL_TEXT_CHARS = 4096;
const LIST_ITEMS = 64;

/**
 * The one record of an accepted request, from what the front door noted and what an inspector read. Pure: the same
 * parts give the same record, at the end of the exchange and at a replay of the journal.
 */
export function assemble(input: AssembleInput): ExchangeRecord {
  const { opened, closed, facts, remains = NOTHING_LEFT } = input;
  const response = facts?.response;
  const status = closed?.status ?? remains.status;
  const { state, error } = outcomeOf(closed, facts, status);
  const session = facts?.session ?? input.session ?? { base: null, parent: null, agentId: null };
  const sessionBase = session.base ?? opened.id;
  const calls = boundedCalls(response?.tool_calls ?? []);
  const batch = boundedBatch(facts?.batch_usage);
  const detail = boundedDetail({ ...response?.usage_detail, ...batchDetail(batch) });
  const usage = response?.usage ?? null;
  return {
    v: 1,
    id: opened.id,
    gateway: input.gateway,
    segment: input.segment,
    received_at: opened.received_at_ms,
    first_byte_at: closed?.first_byte_at_ms ?? null,
    ended_at: Math.max(opened.received_at_ms, closed?.ended_at_ms ?? remains.last_at_ms ?? opened.received_at_ms),
    login: opened.login,
    node_id: opened.node_id,
    node_name: opened.node_name,
    tags: opened.tags,
    groups: opened.groups,
    identity_source: opened.identity_source,
    agent: opened.agent,
    client_version: opened.client_version,
    user_agent: cutText(opened.user_agent, NAME_CHARS),
    provider: opened.provider,
    key_id: opened.key_id,
    model: cutText(opened.model, NAME_CHARS),
    model_served: cutOrNull(response?.model_served),
    api: opened.api,
    method: cutText(opened.method, NAME_CHARS),
    path: safeText(opened.path, PATH_CHARS),
    status,
    stream: facts?.request.stream ?? opened.stream,
    state,
    denied_by: closed?.denied_by ?? null,
    usage,
    // Absent is not zero, and no state of usage without usage.
    usage_state: usage === null ? 'absent' : (response?.usage_state ?? 'absent'),
    usage_detail: detail.value,
    usage_flags: flagsOf(input, [...calls.flags, ...detail.flags]),
    cost_nanodollars: facts?.cost_nanodollars ?? null,
    cost_basis: cutOrNull(facts?.cost_basis),
    price_version: facts?.price_version ?? null,
    reported_cost_nanodollars: response?.reported_cost_nanodollars ?? null,
    service_tier: cutOrNull(response?.service_tier),
    session_id: sessionBase,
    session_base: sessionBase,
    parent_session_id: session.parent,
    agent_id: session.agentId,
    previous_response: cutOrNull(facts?.request.previous_response),
    stop_reason: stopReasonOf(response),
    tool_calls: calls.value,
    tool_results: (facts?.request.tool_results ?? []).slice(-TOOL_RESULTS).map((result) => ({
      ...result,
      id: cutText(result.id, LABEL_CHARS),
    })),
    history: facts?.request.history ?? null,
    late_usage: boundedLate(facts?.late_usage ?? null),
    server_tools: boundedCounts(response?.server_tools ?? {}),
    attempts: (closed?.attempts ?? []).slice(0, LIST_ITEMS).map((attempt) => ({
      ...attempt,
      outcome: safeText(attempt.outcome, NAME_CHARS),
    })),
    edits: (closed?.edits ?? [])
      .slice(0, LIST_ITEMS)
      .map((edit) => ({ ...edit, detail: cutText(edit.detail, NAME_CHARS) })),
    verdicts: boundedVerdicts([...(opened.verdicts ?? []), ...(closed?.verdicts ?? facts?.verdicts ?? [])]),
    grant_ids: opened.grant_ids,
    // All of them, as they were: what is left out here would be missing where the books are held against the balances.
    quota_charges: (input.charges ?? []).map(({ bucket, nanodollars }) => ({ bucket, nanodollars })),
    config_version: opened.config_version,
    request_bytes: closed?.request_bytes ?? remains.request_bytes,
    response_bytes: closed?.response_bytes ?? remains.response_bytes,
    request_sha256: facts?.request_sha256 ?? null,
    response_sha256: facts?.response_sha256 ?? null,
    provider_request_id: cutOrNull(closed?.provider_request_id),
    response_id: cutOrNull(response?.response_id),
    error,
    ...resourcesOf(input),
    ...(batch === undefined ? {} : { batch_usage: batch }),
    ...(input.traced === true ? traceOf(opened) : {}),
  };
}

/** From the headers as they are noted, so that a replay of the journal finds the same. */
function traceOf({ request_headers }: Opened): Pick<ExchangeRecord, 'trace'> {
  const header = request_headers.find(([name]) => name === 'traceparent')?.[1];
  const trace = header === undefined ? undefined : readTraceParent(header);
  return trace === undefined ? {} : { trace };
}

/** What the front door saw made and deleted, and what an inspector read that tools made. */
function resourcesOf({ opened, closed, facts }: AssembleInput): Pick<ExchangeRecord, 'resources'> {
  const at_ms = opened.received_at_ms;
  const made = (facts?.response.made ?? []).map((resource) => ({ op: 'made' as const, ...resource, at_ms }));
  const resources = [...(closed?.resources ?? []), ...made];
  return resources.length === 0 ? {} : { resources };
}

/** The first ones, those of the request before those of the response: more than any sensible config attaches to a model. */
function boundedVerdicts(verdicts: readonly Verdict[]): Verdict[] {
  return verdicts.slice(0, LIST_ITEMS).map((verdict) => ({
    ...verdict,
    error: verdict.error === null ? null : safeText(verdict.error, NAME_CHARS),
  }));
}

function cutOrNull(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : cutText(text, NAME_CHARS);
}

/** The provider's own word; ours only where it has none. */
function stopReasonOf(response: ResponseFacts | undefined): string | null {
  const reason = response?.stop_reason ?? null;
  if (reason === null) return null;
  return cutOrNull(reason.raw === '' ? reason.canonical : reason.raw);
}

/** What a reader of the books should know of the numbers: odd counts, holes, and why there is no cost. */
function flagsOf({ closed, facts, missingFrames = 0 }: AssembleInput, more: string[]): string[] {
  const flags = [...(facts?.response.usage_flags ?? []), ...more];
  if (facts === undefined && closed?.attempts.length !== 0) flags.push('not_inspected');
  if (missingFrames > 0) flags.push('journal_frames_missing');
  const unknown = facts?.cost_unknown ?? null;
  if (unknown !== null && unknown !== 'no_usage') flags.push(`cost_unknown:${unknown}`);
  return boundedFlags(flags);
}

function boundedFlags(flags: string[]): string[] {
  return [...new Set(flags)].slice(0, LIST_ITEMS).map((flag) => cutText(flag, LABEL_CHARS));
}

/** Told late, and bounded as an exchange's own usage is. */
function boundedLate(late: LateUsage | null): LateUsage | null {
  if (late === null) return null;
  const detail = boundedDetail(late.usage_detail);
  return {
    ...late,
    response_id: cutText(late.response_id, NAME_CHARS),
    model_served: cutOrNull(late.model_served),
    usage_detail: detail.value,
    usage_flags: boundedFlags([...late.usage_flags, ...detail.flags]),
    server_tools: boundedCounts(late.server_tools),
    service_tier: cutOrNull(late.service_tier),
    cost_basis: cutOrNull(late.cost_basis),
  };
}

/** Some models, each with few words: together within a job, whatever a provider calls them. */
function boundedBatch(batch: BatchUsage | undefined): BatchUsage | undefined {
  if (batch === undefined) return undefined;
  return {
    ...batch,
    sums: batch.sums.map((sum) => ({
      ...sum,
      model: cutText(sum.model, LABEL_CHARS),
      model_served: sum.model_served === null ? null : cutText(sum.model_served, LABEL_CHARS),
      usage_flags: [...new Set(sum.usage_flags)].map((flag) => cutText(flag, SHORT_CHARS)),
      server_tools: boundedCounts(sum.server_tools),
      cost_basis: sum.cost_basis === null ? null : cutText(sum.cost_basis, 2 * LABEL_CHARS),
    })),
  };
}

/** What the record says of the batch that it read; the sums have records of their own. */
function batchDetail(batch: BatchUsage | undefined): Record<string, unknown> {
  if (batch === undefined) return {};
  const { of, id, lines, failed } = batch;
  return { batch: { id: batch.batch.id, of, results: id, lines, failed } };
}

/** `bytes` is the length of the arguments as they came; a longer one than what is kept means that they were cut. */
function boundedCalls(calls: ToolCall[]): { value: ExchangeRecord['tool_calls']; flags: string[] } {
  let left = ARGUMENTS_BYTES;
  const value = calls.slice(0, TOOL_CALLS).map((call) => {
    const kept = cutBytes(call.arguments, Math.min(ARGUMENT_BYTES, left));
    left -= Buffer.byteLength(kept, 'utf8');
    return {
      id: call.id === null ? null : cutText(call.id, LABEL_CHARS),
      name: cutText(call.name, LABEL_CHARS),
      arguments: kept,
      bytes: Buffer.byteLength(call.arguments, 'utf8'),
    };
  });
  return { value, flags: calls.length > TOOL_CALLS ? [`tool_calls:${calls.length}`] : [] };
}

/** Members are kept whole, or cut if they are text, as long as there is room. Readers hand on parsed JSON. */
function boundedDetail(detail: Record<string, unknown>): { value: Record<string, unknown>; flags: string[] } {
  const value: Record<string, unknown> = {};
  let left = DETAIL_CHARS;
  let whole = true;
  for (const [name, member] of Object.entries(detail)) {
    const kept = typeof member === 'string' ? cutText(member, DETAIL_TEXT_CHARS) : member;
    const chars = JSON.stringify([name, kept]).length;
    whole &&= kept === member && chars <= left;
    if (chars > left) continue;
    left -= chars;
    value[name] = kept;
  }
  return { value, flags: whole ? [] : ['usage_detail_cut'] };
}

function boundedCounts(counts: Record<string, number>): Record<string, number> {
  const sane = Object.entries(counts).filter(([, count]) => Number.isSafeInteger(count) && count >= 0);
  return Object.fromEntries(sane.slice(0, LIST_ITEMS).map(([tool, count]) => [cutText(tool, LABEL_CHARS), count]));
}
