import type { Edit } from '../contract/exchange.ts';
import type { Fault } from '../contract/fault.ts';
import type { CallFacts, Deciding, PostHook, Verdict, Wired } from '../contract/guardrail.ts';
import { editsOf, HOOK_EVENTS, isPostEvent, SEND_FIELDS } from '../contract/guardrail.ts';
import { ruleId } from '../contract/ids.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { BodyFields } from '../contract/messages.ts';
import type { SendHook } from '../access/grant-input.ts';
import { postHooksOf } from '../guardrails/hooks/post-hooks.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { holds } from '../protocols/input-reach.ts';
import { hasTokens } from '../protocols/openai-completions/prompts.ts';
import { redactHeaders } from '../proxy/headers.ts';
import type { Route } from '../routing/plan.ts';
import { quotaFacts } from './quota.ts';
import type { Asked } from './asked.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';
import type { FrontServices } from './services.ts';

/** A request that its rules let pass: what is asked for now, and where it goes. */
export interface Judged {
  asked: Asked;
  route: Route;
  verdicts: Verdict[];
  /** Placeholder, value. Secret. */
  placeholders: [string, string][];
  edits: Edit[];
  /** What no rule of ours could read in it; a strict one refuses it (`unguardedBy`). */
  unread?: string | undefined;
}

export interface Refused {
  fault: Fault;
  verdicts: Verdict[];
}

/**
 * What has a say in whether and how a request is sent: hooks that are asked before it, and built-in rules, whatever events
 * a grant names for those.
 */
export function rulesBefore(arrival: Arrival, route: Route): readonly SendHook[] {
  const { builtins } = arrival.world;
  const hooks = sendHooksOf(arrival, route);
  // The same list, as it nearly always is: empty.
  if (hooks.length === 0) return hooks;
  return hooks.filter(
    ({ name, events }) =>
      events.length === 0 ||
      events.includes('pre_request') ||
      builtins.has(name) ||
      isUncallable(arrival, name, events),
  );
}

/** What is asked about answers and cannot be: where that refuses them, it costs nothing to say so before. */
function isUncallable({ world }: Arrival, name: string, events: readonly string[]): boolean {
  return events.includes('response') && !world.hooks.has(name) && world.rules?.disabled.includes(name) !== true;
}

/** Whether rules or hooks have a say in requests for a model, or in their responses. */
export function hasRules({ access, world }: Arrival, provider: string, model: string): boolean {
  const { builtins, responseRules } = world;
  return access
    .matching(provider, model)
    .sendHooks.some(
      ({ name, events }) =>
        events.length === 0 ||
        events.includes('pre_request') ||
        events.includes('response') ||
        builtins.has(name) ||
        responseRules.has(name),
    );
}

/** The hooks and rules that the caller's grants attach to the model that the request goes to. */
function sendHooksOf({ access }: Arrival, { provider, model }: Route): readonly SendHook[] {
  return access.matching(provider.id, model).sendHooks;
}

/**
 * Runs the rules on a request. Where one changed the body, what is asked for is found anew (`again`), and rules that only
 * now are attached run too: each once.
 */
export async function judgeRequest(
  services: FrontServices,
  arrival: Arrival,
  endpoint: ExchangeEndpoint,
  id: ExchangeId,
  found: { asked: Asked; route: Route },
  again: (asked: Asked) => Promise<Result<{ asked: Asked; route: Route }, Fault>>,
): Promise<Result<Judged, Refused>> {
  const judged: Judged = { ...found, verdicts: [], placeholders: [], edits: [] };
  const ran = new Set<string>();
  for (;;) {
    const hooks = rulesBefore(arrival, judged.route).filter(({ name }) => !ran.has(name));
    const { scanned } = judged.asked;
    // A look at a stored response has no body, and says nothing that rules could read.
    if (hooks.length === 0 || scanned.decoded.byteLength === 0) return ok(judged);
    for (const { name } of hooks) ran.add(name);
    if (arrival.world.rules === undefined) return failed({ fault: noSuchHook(hooks), verdicts: judged.verdicts });
    const outcome = await services.inspectors.decide(
      {
        api: endpoint.protocol.api,
        world: arrival.world.number,
        wired: wiredOf(hooks),
        facts: factsOf(services, arrival, id, judged.route, hooks),
        method: arrival.request.method,
        headers: redactHeaders(arrival.request.headers),
      },
      scanned.decoded,
    );
    if (!outcome.ok) return failed({ fault: outcome.fault, verdicts: judged.verdicts });
    const { decided, body } = outcome.value;
    const fields = decided.fields ?? scanned.fields;
    judged.unread = unreadIn(endpoint, body, fields);
    judged.verdicts.push(...saying(decided.verdicts, judged.unread));
    judged.placeholders.push(...decided.placeholders);
    if (decided.fault !== undefined) return failed({ fault: decided.fault, verdicts: judged.verdicts });
    const edited = scanned.edited || decided.fields !== undefined;
    // The body was given away, and came back in a buffer of its own.
    const original = scanned.packed ? scanned.original : body;
    const next = { ...judged.asked, scanned: { ...scanned, original, decoded: body, fields, edited } };
    judged.asked = next;
    if (decided.fields === undefined) return ok(judged);
    judged.edits.push(...editsOf(decided.verdicts));
    const anew = await again(next);
    if (!anew.ok) return failed({ fault: anew.fault, verdicts: judged.verdicts });
    judged.asked = anew.value.asked;
    judged.route = anew.value.route;
  }
}

function unreadIn({ protocol }: ExchangeEndpoint, body: Uint8Array, fields: BodyFields): string | undefined {
  return protocol.api === 'openai_text_completions' && hasTokens(body, fields) ? TOKENS_UNREAD : undefined;
}

const TOKENS_UNREAD = 'a prompt of tokens was not read';

/** Hooks are sent the whole body, and know by themselves what they read. */
function saying(verdicts: readonly Verdict[], unread: string | undefined): readonly Verdict[] {
  if (unread === undefined) return verdicts;
  return verdicts.map((each) => (each.type === 'hook' ? each : { ...each, error: each.error ?? unread }));
}

/** The config has no hooks at all, and so no thread that could say it. */
function noSuchHook(hooks: readonly SendHook[]): Fault {
  const [first] = hooks;
  return {
    code: 'guardrail_unavailable',
    rule: ruleId(first?.name ?? ''),
    why: 'a grant names it, and the config has no such hook',
  };
}

/** What rules and hooks have to say about the response; undefined where none has, and no placeholder is to be put back. */
export function decidingOf(
  services: FrontServices,
  arrival: Arrival,
  id: ExchangeId,
  { route, placeholders }: Pick<Judged, 'route' | 'placeholders'>,
): Deciding | undefined {
  const told = sendHooksOf(arrival, route);
  const rules = rulesAfter(arrival, told);
  const hooks = hooksAfter(arrival, told);
  if (rules.length + hooks.length + placeholders.length === 0) return undefined;
  if (hooks.length === 0) return { rules, placeholders };
  const asking = { wired: wiredOf(hooks), facts: factsOf(services, arrival, id, route, hooks) };
  return { rules, placeholders, asking };
}

/** A rule or hook that has a say in answers. */
export function judgeOfAnswers(arrival: Arrival, route: Route): string | undefined {
  const told = sendHooksOf(arrival, route);
  return rulesAfter(arrival, told)[0] ?? hooksAfter(arrival, told)[0]?.name;
}

function rulesAfter({ world: { responseRules } }: Arrival, told: readonly SendHook[]): string[] {
  return told.flatMap(({ name }) => (responseRules.has(name) ? [name] : []));
}

/** Hooks that are asked about the answer, and names that somebody meant one by. */
function hooksAfter({ world: { builtins, rules } }: Arrival, told: readonly SendHook[]): readonly SendHook[] {
  return told.filter(
    ({ name, events }) => events.includes('response') && !builtins.has(name) && rules?.disabled.includes(name) !== true,
  );
}

/**
 * Why a request must not be sent: no rule reads sound, the binary event streams of Bedrock, a body in base64, nor a prompt of
 * tokens, and one that is in force refuses what it cannot read, or has to put values back. Said now, it costs nothing at the
 * provider.
 */
export function unguardedBy(
  arrival: Arrival,
  { protocol }: ExchangeEndpoint,
  judged: Judged,
  stream: boolean,
): Fault | undefined {
  const { decoded, fields } = judged.asked.scanned;
  if (protocol.api === 'openai_speech')
    return unguarded(readingRule(arrival, judged) ?? readingHook(arrival, judged), 'what is spoken');
  if (protocol.api === 'openai_text_completions') {
    if (judged.unread === undefined) return undefined;
    return unguarded(strictRule(arrival, judged, 'request'), 'a prompt of tokens: send its text');
  }
  if (protocol.dialect !== 'aws') return undefined;
  if (stream) return unguarded(readingRule(arrival, judged), 'a binary event stream: ask without streaming');
  const input = protocol.api === 'bedrock_count_tokens' ? fields.spans['input'] : undefined;
  if (input === undefined || !holds(decoded, input.valueStart, input.valueEnd, IN_BASE64)) return undefined;
  return unguarded(strictRule(arrival, judged, 'request'), 'a body in base64: count by Converse');
}

/** The rule that has to read the response: it refuses what it cannot, or has to put values back. */
function readingRule(arrival: Arrival, judged: Judged): string | undefined {
  const { placeholders, verdicts } = judged;
  const restoring = placeholders.length > 0 ? verdicts.find(({ action }) => action === 'tokenise')?.rule : undefined;
  return strictRule(arrival, judged, 'response') ?? restoring;
}

/** The hook that judges by the answer's words, and refuses what it cannot judge. */
function readingHook(arrival: Arrival, { route }: Judged): string | undefined {
  const strict = (name: string): boolean =>
    arrival.world.rules?.rules.some((rule) => rule.name === name && rule.failPolicy === 'fail_closed') === true;
  return hooksAfter(arrival, sendHooksOf(arrival, route)).find(
    ({ name, send }) => strict(name) && send.some(isOfAnswer),
  )?.name;
}

function isOfAnswer(field: string): boolean {
  return field === 'response_body' || field === 'raw_responses' || field === 'tools';
}

/** An escape may hide the word. */
const IN_BASE64 = /invokeModel|\\u/;

function strictRule(arrival: Arrival, { route }: Judged, side: 'request' | 'response'): string | undefined {
  const { strictRules } = arrival.world;
  return sendHooksOf(arrival, route).find(({ name }) => strictRules.get(name)?.includes(side) === true)?.name;
}

function unguarded(rule: string | undefined, what: string): Fault | undefined {
  return rule === undefined ? undefined : { code: 'unguarded', rule: ruleId(rule), what };
}

/** Hooks that are to be told of the exchange when it is over. */
export function toldAfter(services: FrontServices, arrival: Arrival, id: ExchangeId, route: Route): PostHook[] {
  const hooks = sendHooksOf(arrival, route).filter(({ events }) =>
    HOOK_EVENTS.some((event) => isPostEvent(event) && events.includes(event)),
  );
  if (hooks.length === 0) return [];
  const facts = factsOf(services, arrival, id, route, hooks);
  return postHooksOf(wiredOf(hooks), facts, (name) => arrival.world.hooks.has(name));
}

/** Names that the config or a policy file writes and that mean nothing here are left out. */
function wiredOf(hooks: readonly SendHook[]): Wired[] {
  return hooks.map(({ name, events, send }) => ({
    name,
    events: HOOK_EVENTS.filter((event) => events.includes(event)),
    send: SEND_FIELDS.filter((field) => send.includes(field)),
  }));
}

function factsOf(
  services: FrontServices,
  arrival: Arrival,
  id: ExchangeId,
  { provider, model }: Route,
  hooks: readonly SendHook[],
): CallFacts {
  const { access, caller, request } = arrival;
  const wants = (field: string): boolean => hooks.some(({ send }) => send.includes(field));
  return {
    login: caller.login,
    nodeId: caller.nodeId,
    tailnet: services.tailnet(),
    userAgent: request.header('user-agent') ?? '',
    path: request.path,
    model,
    provider: provider.id,
    requestId: id,
    sessionId: '',
    grants: wants('grants') ? access.custom : {},
    quotas: wants('quotas') ? quotaFacts(services.quotas, arrival, provider.id, model) : {},
  };
}
