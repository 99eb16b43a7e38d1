import { innerSpanIdOf, spanIdOf, traceIdOf } from '../../contract/trace.ts';
import { totalInput, totalOutput } from '../../contract/usage.ts';
import { operationOf, providerNameOf } from './names.ts';
import type { OtlpProvider } from './names.ts';
import type { SpanFacts } from './span-facts.ts';
import { attributes, Double, nanos, SPAN_KIND } from './wire.ts';
import type { KeyValue, Span } from './wire.ts';

type Providers = Readonly<Record<string, OtlpProvider>>;

/** Trace flags of who sent none: sampled. */
const SAMPLED = 1;
/** Bits beside the trace flags: whether the parent is another process's is known, and it is. */
const REMOTE_KNOWN = 0x100;
const REMOTE = 0x200;

/**
 * The spans of a request: ours as a server, which has what the request came to, and within it one as a client for each
 * attempt at a provider. Usage stands on the first alone, so that who sums a trace counts it once.
 *
 * @param content attributes of prompt and answer, where these are told.
 */
export function spansOf(facts: SpanFacts, providers: Providers, content: readonly KeyValue[] = []): Span[] {
  return [serverSpan(facts, providers, content), ...facts.attempts.map((_, at) => attemptSpan(facts, at, providers))];
}

function serverSpan(facts: SpanFacts, providers: Providers, content: readonly KeyValue[]): Span {
  const { id, trace, received_at, ended_at, state, status } = facts;
  // What is wrong with a request (4xx) is no failure of who answers it.
  const failed = status >= 500 || state === 'interrupted' || (state === 'error' && status < 400);
  return {
    traceId: traceIdOf(id, trace),
    spanId: spanIdOf(id),
    ...(trace === undefined ? {} : { parentSpanId: trace.span_id }),
    flags: flagsOf(facts) | (trace === undefined ? 0 : REMOTE),
    name: nameOf(facts),
    kind: facts.booked ? SPAN_KIND.internal : SPAN_KIND.server,
    startTimeUnixNano: nanos(received_at),
    endTimeUnixNano: nanos(ended_at),
    attributes: [
      ...attributes({
        ...askedOf(facts, providers),
        ...answeredOf(facts),
        'error.type': state === 'complete' ? null : errorOf(facts),
        'http.request.method': facts.booked ? null : facts.method,
        'http.response.status_code': facts.booked || status === 0 ? null : status,
        'url.path': facts.booked ? null : facts.path,
        'user_agent.original': facts.user_agent,
        ...ownOf(facts),
      }),
      ...content,
    ],
    status: failed ? { code: 2 } : {},
  };
}

function attemptSpan(facts: SpanFacts, at: number, providers: Providers): Span {
  const { id, trace, attempts, ended_at, state } = facts;
  const { provider = '', started_at_ms: startMs = facts.received_at, outcome = '' } = attempts[at] ?? {};
  const next = attempts[at + 1];
  const status = /^\d{3}$/.test(outcome) ? Number(outcome) : null;
  const isLast = next === undefined;
  const broke = isLast && (state === 'error' || state === 'interrupted');
  const failed = status === null || status >= 400 || broke;
  const left = isLast && state === 'aborted';
  const why = status === null || status >= 400 ? outcome : errorOf(facts);
  return {
    traceId: traceIdOf(id, trace),
    spanId: innerSpanIdOf(id, `attempt ${at}`),
    parentSpanId: spanIdOf(id),
    flags: flagsOf(facts),
    name: nameOf(facts),
    kind: SPAN_KIND.client,
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(Math.max(startMs, next?.started_at_ms ?? ended_at)),
    attributes: attributes({
      ...askedOf({ ...facts, provider }, providers),
      'http.request.method': facts.method,
      'http.response.status_code': status,
      'error.type': failed || left ? why : null,
      'aperture.request.id': id,
      'aperture.attempt': at + 1,
    }),
    status: failed && !left ? { code: 2 } : {},
  };
}

/** `chat gpt-5`, as the conventions have it. */
function nameOf({ api, model }: SpanFacts): string {
  return [api === '' ? 'request' : operationOf(api), model].filter((part) => part !== '').join(' ');
}

function flagsOf({ trace }: SpanFacts): number {
  return (trace?.flags ?? SAMPLED) | REMOTE_KNOWN;
}

/** What the operation is, and of whom it is asked. */
function askedOf({ api, provider, model, stream }: SpanFacts, providers: Providers): Record<string, unknown> {
  const server = Object.hasOwn(providers, provider) ? providers[provider] : undefined;
  return {
    'gen_ai.operation.name': api === '' ? null : operationOf(api),
    'gen_ai.provider.name': providerNameOf(api, provider, server),
    'gen_ai.request.model': model,
    'gen_ai.request.stream': stream ? true : null,
    'server.address': server?.address,
    'server.port': server?.port,
  };
}

function answeredOf(facts: SpanFacts): Record<string, unknown> {
  const { stream, first_byte_at, received_at, stop_reason } = facts;
  return {
    'gen_ai.response.id': facts.response_id,
    'gen_ai.response.model': facts.model_served,
    'gen_ai.response.finish_reasons': stop_reason === null ? [] : [stop_reason],
    'gen_ai.response.time_to_first_chunk':
      stream && first_byte_at !== null ? new Double((first_byte_at - received_at) / 1000) : null,
    'gen_ai.conversation.id': facts.session_id,
    ...usageOf(facts.usage),
  };
}

/** The conventions count what a cache gave and took among the input, and reasoning among the output. */
function usageOf(usage: SpanFacts['usage']): Record<string, unknown> {
  if (usage === null) return {};
  const { cache_read, cache_write_5m, cache_write_1h, cache_write_other, reasoning } = usage;
  return {
    'gen_ai.usage.input_tokens': totalInput(usage),
    'gen_ai.usage.output_tokens': totalOutput(usage),
    'gen_ai.usage.cache_read.input_tokens': cache_read,
    'gen_ai.usage.cache_creation.input_tokens': cache_write_5m + cache_write_1h + cache_write_other,
    'gen_ai.usage.reasoning.output_tokens': reasoning,
  };
}

/** What is ours, for which nobody else has a word. */
function ownOf(facts: SpanFacts): Record<string, unknown> {
  const verdicts = Object.entries(facts.verdicts).map(([action, count]): [string, number] => [
    `aperture.verdicts.${action}`,
    count,
  ]);
  return {
    'aperture.request.id': facts.id,
    'aperture.state': facts.state,
    'aperture.denied_by': facts.denied_by,
    'aperture.login': facts.login,
    'aperture.node': facts.node_name,
    'aperture.identity_source': facts.identity_source,
    'aperture.agent': facts.agent,
    'aperture.api': facts.api,
    'aperture.provider': facts.provider,
    'aperture.provider.request_id': facts.provider_request_id,
    'aperture.session': facts.session_id,
    'aperture.service_tier': facts.service_tier,
    'aperture.usage_state': facts.usage_state,
    'aperture.cost.nanodollars': facts.cost_nanodollars === null ? null : Number(facts.cost_nanodollars),
    'aperture.quotas': facts.quotas,
    'aperture.rules': facts.rules,
    ...Object.fromEntries(verdicts),
    'aperture.tools': facts.tools,
    'aperture.attempts': facts.attempts.length,
    'aperture.request.bytes': facts.request_bytes,
    'aperture.response.bytes': facts.response_bytes,
    'aperture.config.version': facts.config_version,
  };
}

/** Of a closed list, or a code of the provider's: never a message. */
function errorOf({ error, denied_by, state }: SpanFacts): string {
  return error ?? denied_by ?? state;
}
