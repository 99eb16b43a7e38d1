import { apiTypeOf, costOf, usageOf } from '../contract/aperture-words.ts';
import type { Api } from '../contract/api.ts';
import type { Usage } from '../contract/usage.ts';
import { jsonValue } from './json-value.ts';

/** The version of Aperture's schema that is written. */
const SCHEMA_VERSION = 2;

/** What is exported of a stored record, its money as it is now. */
export interface ExchangeToExport {
  id: string;
  /** Milliseconds since the epoch, with microseconds. */
  receivedAtMs: number;
  endedAtMs: number;
  login: string;
  nodeId: string;
  tags: readonly string[];
  model: string;
  api: Api;
  /** Null where none is known. */
  usage: Usage | null;
  serverTools: Readonly<Record<string, number>>;
  /** Decimal string; null where it is not known. */
  costNanodollars: string | null;
  costBasis: string | null;
  sessionId: string;
  path: string;
  status: number;
  toolCalls: readonly { name: string; arguments: string }[];
}

/** What a row of columns says beside that, under the names that the JSON API has. */
export interface RowToExport extends ExchangeToExport {
  /** Null where there was none. */
  firstByteAtMs: number | null;
  nodeName: string;
  groups: readonly string[];
  identitySource: string;
  agent: string;
  clientVersion: string;
  userAgent: string;
  provider: string;
  keyId: string;
  modelServed: string | null;
  method: string;
  stream: boolean;
  state: string;
  deniedBy: string | null;
  stopReason: string | null;
  usageState: string;
  usageFlags: readonly string[];
  priceVersion: string | null;
  serviceTier: string | null;
  parentSessionId: string | null;
  agentId: string | null;
  toolCallCount: number;
  configVersion: string;
  requestBytes: number;
  responseBytes: number;
  providerRequestId: string | null;
  responseId: string | null;
  error: unknown;
}

/** A body that was kept. */
export interface BodyToExport {
  /** As one JSON value; undefined where it is none. */
  json: unknown;
  /** The text that this is the value of, where it was one text and no stream. */
  text?: string | undefined;
  /** As it was on the wire. */
  raw: Uint8Array;
}

/** What was kept of an exchange beside its record. */
export interface CaptureToExport {
  /** Redacted, as they are stored. */
  requestHeaders: readonly (readonly [string, string])[];
  responseHeaders: readonly (readonly [string, string])[];
  /** Undefined where there is none, or it was not kept. */
  request: BodyToExport | undefined;
  response: BodyToExport | undefined;
  /** Bodies whose parts were not all there when they were read. */
  damaged: readonly ('request' | 'response')[];
}

/** A record as Aperture writes it (aperture.md, section 7.4). A member that does not apply is left out, never null. */
export function apertureRecord(
  number: number,
  exchange: ExchangeToExport,
  capture: CaptureToExport | undefined,
): Record<string, unknown> {
  const { usage, serverTools, costNanodollars: nanodollars, costBasis: basis } = exchange;
  return {
    id: number,
    ver: SCHEMA_VERSION,
    timestamp: timeText(exchange.receivedAtMs),
    identity: { login_name: exchange.login, stable_node_id: exchange.nodeId, tags: exchange.tags },
    model: exchange.model,
    api_type: apiTypeOf(exchange.api),
    usage: usage === null ? {} : usageOf(usage, serverTools),
    ...(nanodollars === null ? {} : { estimated_cost: costOf({ nanodollars, basis, usage, serverTools }) }),
    duration_ms: Math.max(0, Math.round(exchange.endedAtMs - exchange.receivedAtMs)),
    ...(capture === undefined ? {} : { capture_id: exchange.id }),
    session_id: exchange.sessionId,
    path: exchange.path,
    status_code: exchange.status,
    ...(capture === undefined ? {} : { capture: captureOf(capture, exchange) }),
  };
}

function captureOf(capture: CaptureToExport, { toolCalls }: ExchangeToExport): Record<string, unknown> {
  return {
    request_headers: headersOf(capture.requestHeaders),
    response_headers: headersOf(capture.responseHeaders),
    ...bodyOf('request', capture.request),
    ...bodyOf('response', capture.response),
    tool_calls: toolCalls.map(({ name, arguments: text }) => ({ name, params: paramsOf(text) })),
    ...(capture.damaged.length === 0 ? {} : { damaged: capture.damaged }),
  };
}

function bodyOf(side: 'request' | 'response', body: BodyToExport | undefined): Record<string, unknown> {
  if (body === undefined) return {};
  return body.json === undefined ? { [`raw_${side}_body`]: body.raw } : { [`${side}_body`]: body.json };
}

/** Each name once, with its values in their order: as Go has headers. */
export function headersOf(pairs: readonly (readonly [string, string])[]): Record<string, string[]> {
  const headers = new Map<string, string[]>();
  for (const [name, value] of pairs) headers.set(name, [...(headers.get(name) ?? []), value]);
  return Object.fromEntries(headers);
}

/** Arguments that are no JSON, of a call that was cut short, are told as the text that they are. */
function paramsOf(text: string): unknown {
  return text.trim() === '' ? {} : (jsonValue(text) ?? text);
}

function timeText(ms: number): string {
  const micros = Math.round((ms - Math.floor(ms)) * 1000);
  const whole = new Date(Math.floor(ms) + (micros === 1000 ? 1 : 0)).toISOString();
  return whole.replace('Z', `${String(micros % 1000).padStart(3, '0')}Z`);
}
