import { totalInput, totalOutput } from '../contract/usage.ts';
import type { Usage } from '../contract/usage.ts';
import { tellAll, whole } from './answer.ts';
import type { Answer, Told } from './answer.ts';
import { errorEvent } from './fault.ts';
import { JSON_TYPE, SSE_TYPE, openAiHeaders, openAiRequestId } from './headers.ts';
import { escaped } from './json.ts';
import { padOf } from './openai-chat.ts';
import type { Prompt } from './prompt.ts';
import { fragmentsOf } from './script.ts';
import type { Script, ScriptedCall } from './script.ts';
import { createdSeconds, hexDigits, letters } from './seed.ts';
import type { Seed } from './seed.ts';
import type { Steering } from './steering.ts';
import { wholeOf } from './words.ts';

export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled';

/** What a stored response needs to be told again: the answer to a GET is made from the same script. */
export interface ScriptedResponse {
  script: Script;
  /** Members of the request that the response repeats, as JSON. */
  repeated: Repeated;
  tellsUsage: boolean;
}

interface Repeated {
  background: boolean;
  instructions: string;
  maxOutputTokens: string;
  previousResponseId: string;
  promptCacheKey: string;
  store: boolean;
  metadata: string;
}

export function responseId(seed: Seed): string {
  return `resp_${hexDigits(seed, 0, 48)}`;
}

export function scriptResponse(script: Script, prompt: Prompt, steering: Steering): ScriptedResponse {
  const json = (key: string, otherwise: string): string => {
    const value = prompt.body[key];
    return value === undefined ? otherwise : JSON.stringify(value);
  };
  return {
    script,
    repeated: {
      background: prompt.body['background'] === true,
      instructions: json('instructions', 'null'),
      maxOutputTokens: json('max_output_tokens', 'null'),
      previousResponseId: json('previous_response_id', 'null'),
      promptCacheKey: json('prompt_cache_key', 'null'),
      store: prompt.body['store'] !== false,
      metadata: json('metadata', '{}'),
    },
    tellsUsage: steering.usage !== 'none',
  };
}

/** The status that the answer ends with. */
function finalStatus(script: Script): ResponseStatus {
  return script.stop === 'length' || script.stop === 'content_filter' ? 'incomplete' : 'completed';
}

/** A response as a whole, in a given status. Output and usage appear once it is finished. */
export function responseJson(response: ScriptedResponse, status: ResponseStatus, told: Told): string {
  const { script, repeated, tellsUsage } = response;
  const finished = status === 'completed' || status === 'incomplete';
  const created = createdSeconds(script.seed);
  if (finished && tellsUsage) tellAll(told, script.usage);
  const usage = tellsUsage ? `,"usage":${finished ? usageJson(script.usage) : 'null'}` : '';
  const reason = script.stop === 'length' ? 'max_output_tokens' : 'content_filter';
  const failure =
    status === 'failed' ? '{"code":"server_error","message":"The model failed to generate a response."}' : 'null';
  return (
    `{"id":"${responseId(script.seed)}","object":"response","created_at":${created},"status":"${status}",` +
    `"background":${repeated.background},"completed_at":${status === 'completed' ? created + 3 : 'null'},"error":${failure},` +
    `"incomplete_details":${status === 'incomplete' ? `{"reason":"${reason}"}` : 'null'},` +
    `"instructions":${repeated.instructions},"max_output_tokens":${repeated.maxOutputTokens},"max_tool_calls":null,` +
    `"model":"${escaped(script.model)}","output":[${finished ? itemsOf(script, status).join(',') : ''}],` +
    `"parallel_tool_calls":true,"previous_response_id":${repeated.previousResponseId},` +
    `"prompt_cache_key":${repeated.promptCacheKey},"reasoning":{"effort":"medium","summary":null},"safety_identifier":null,` +
    `"service_tier":"${escaped(finished ? (script.tier ?? 'default') : 'auto')}","store":${repeated.store},"temperature":1.0,` +
    `"text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":1.0,` +
    `"truncation":"disabled"${usage},"user":null,"metadata":${repeated.metadata}}`
  );
}

function usageJson(usage: Usage): string {
  const input = totalInput(usage);
  const output = totalOutput(usage);
  return (
    `{"input_tokens":${input},"input_tokens_details":{"cached_tokens":${usage.cache_read},"cache_write_tokens":${usage.cache_write_other}},` +
    `"output_tokens":${output},"output_tokens_details":{"reasoning_tokens":${usage.reasoning}},"total_tokens":${input + output}}`
  );
}

function reasoningItem(seed: Seed): string {
  return `{"id":"rs_${hexDigits(seed, 2, 48)}","type":"reasoning","summary":[],"encrypted_content":"gAAAAAB${letters(seed, 3, 40)}"}`;
}

function searchItem(seed: Seed, index: number, status: string): string {
  return `{"id":"ws_${hexDigits(seed, 20 + index, 48)}","type":"web_search_call","status":"${status}","action":{"type":"search","query":"tides"}}`;
}

function messageIdOf(seed: Seed): string {
  return `msg_${hexDigits(seed, 4, 48)}`;
}

function part(script: Script, text: string): string {
  return script.stop === 'refusal'
    ? `{"type":"refusal","refusal":"${text}"}`
    : `{"type":"output_text","annotations":[],"logprobs":[],"text":"${text}"}`;
}

function messageItem(script: Script, status: string, text: string | undefined): string {
  const content = text === undefined ? '' : part(script, text);
  return `{"id":"${messageIdOf(script.seed)}","type":"message","status":"${status}","role":"assistant","content":[${content}]}`;
}

function callItem(seed: Seed, index: number, call: ScriptedCall, status: string, json: string): string {
  return `{"id":"fc_${hexDigits(seed, 200 + index, 48)}","type":"function_call","status":"${status}","arguments":${JSON.stringify(json)},"call_id":"call_${call.id}","name":"${escaped(call.name)}"}`;
}

function itemsOf(script: Script, status: ResponseStatus): string[] {
  const items: string[] = [];
  if (script.usage.reasoning > 0) items.push(reasoningItem(script.seed));
  for (let i = 0; i < script.webSearches; i += 1) items.push(searchItem(script.seed, i, 'completed'));
  if (script.pieces.count > 0) items.push(messageItem(script, status, wholeOf(script.pieces)));
  script.calls.forEach((call, i) => items.push(callItem(script.seed, i, call, 'completed', call.arguments)));
  return items;
}

export function answerResponses(response: ScriptedResponse, prompt: Prompt, steering: Steering, told: Told): Answer {
  const { script } = response;
  const status = finalStatus(script);
  if (!prompt.stream) {
    const now = response.repeated.background ? 'queued' : status;
    return whole(200, openAiHeaders(script.seed, JSON_TYPE), responseJson(response, now, told));
  }
  return streamed(response, steering, told, -1);
}

/** The events behind the one of the number `after`, as they were or would have been. */
export function streamed(response: ScriptedResponse, steering: Steering, told: Told, after: number): Answer {
  const { script } = response;
  const status = finalStatus(script);
  const numbered = new Numbered();
  return {
    kind: 'stream',
    headers: openAiHeaders(script.seed, SSE_TYPE),
    events: behind(after, eventsOf(response, numbered, told)),
    terminator: () => numbered.event(`response.${status}`, `"response":${responseJson(response, status, told)}`),
    errorEvent: (fault) =>
      steering.error === 'response.failed'
        ? numbered.event('response.failed', `"response":${responseJson(response, 'failed', told)}`)
        : errorEvent('openai_responses', fault, openAiRequestId(script.seed), numbered.next),
    comments: true,
  };
}

function* behind(after: number, events: Iterable<string>): Generator<string> {
  let number = 0;
  for (const event of events) {
    if (number > after) yield event;
    number += 1;
  }
}

/** Every event of a stream carries its number. */
class Numbered {
  next = 0;

  event(type: string, members: string): string {
    const number = this.next;
    this.next += 1;
    return `event: ${type}\ndata: {"type":"${type}","sequence_number":${number},${members}}\n\n`;
  }
}

function* eventsOf(response: ScriptedResponse, numbered: Numbered, told: Told): Generator<string> {
  const { script } = response;
  const { seed } = script;
  const begun = `"response":${responseJson(response, 'in_progress', told)}`;
  yield numbered.event('response.created', begun);
  yield numbered.event('response.in_progress', begun);
  let output = 0;
  if (script.usage.reasoning > 0) {
    const open = `{"id":"rs_${hexDigits(seed, 2, 48)}","type":"reasoning","summary":[]}`;
    yield numbered.event('response.output_item.added', `"output_index":${output},"item":${open}`);
    yield numbered.event('response.output_item.done', `"output_index":${output},"item":${reasoningItem(seed)}`);
    output += 1;
  }
  for (let i = 0; i < script.webSearches; i += 1) {
    const open = searchItem(seed, i, 'in_progress');
    yield numbered.event('response.output_item.added', `"output_index":${output},"item":${open}`);
    const done = searchItem(seed, i, 'completed');
    yield numbered.event('response.output_item.done', `"output_index":${output},"item":${done}`);
    output += 1;
  }
  if (script.pieces.count > 0) {
    yield* messageEvents(script, numbered, output);
    output += 1;
  }
  for (const [index, call] of script.calls.entries()) {
    yield* callEvents(seed, numbered, output, index, call);
    output += 1;
  }
}

function* messageEvents(script: Script, numbered: Numbered, output: number): Generator<string> {
  const { seed, pieces } = script;
  const kind = script.stop === 'refusal' ? 'refusal' : 'output_text';
  const at = `"item_id":"${messageIdOf(seed)}","output_index":${output},"content_index":0`;
  const added = messageItem(script, 'in_progress', undefined);
  yield numbered.event('response.output_item.added', `"output_index":${output},"item":${added}`);
  yield numbered.event('response.content_part.added', `${at},"part":${part(script, '')}`);
  const logprobs = kind === 'refusal' ? '' : ',"logprobs":[]';
  for (let i = 0; i < pieces.count; i += 1) {
    const pad = `${logprobs},"obfuscation":"${padOf(seed, i)}"`;
    yield numbered.event(`response.${kind}.delta`, `${at},"delta":"${pieces.piece(i)}"${pad}`);
  }
  const text = wholeOf(pieces);
  const doneKey = kind === 'refusal' ? 'refusal' : 'text';
  yield numbered.event(`response.${kind}.done`, `${at},"${doneKey}":"${text}"${logprobs}`);
  yield numbered.event('response.content_part.done', `${at},"part":${part(script, text)}`);
  const done = messageItem(script, finalStatus(script), text);
  yield numbered.event('response.output_item.done', `"output_index":${output},"item":${done}`);
}

function* callEvents(
  seed: Seed,
  numbered: Numbered,
  output: number,
  index: number,
  call: ScriptedCall,
): Generator<string> {
  const at = `"item_id":"fc_${hexDigits(seed, 200 + index, 48)}","output_index":${output}`;
  const added = callItem(seed, index, call, 'in_progress', '');
  yield numbered.event('response.output_item.added', `"output_index":${output},"item":${added}`);
  for (const fragment of fragmentsOf(call.arguments)) {
    yield numbered.event('response.function_call_arguments.delta', `${at},"delta":${JSON.stringify(fragment)}`);
  }
  const name = `"name":"${escaped(call.name)}"`;
  yield numbered.event(
    'response.function_call_arguments.done',
    `${at},"arguments":${JSON.stringify(call.arguments)},${name}`,
  );
  const done = callItem(seed, index, call, 'completed', call.arguments);
  yield numbered.event('response.output_item.done', `"output_index":${output},"item":${done}`);
}

/** POST /v1/responses/compact: billed, and the body names no model. */
export function answerCompact(script: Script, told: Told): Answer {
  const { seed, usage } = script;
  tellAll(told, usage);
  const item = `{"id":"cmp_${letters(seed, 5, 24)}","type":"compaction","encrypted_content":"gAAAAAB${letters(seed, 6, 40)}"}`;
  const body =
    `{"id":"${responseId(seed)}","object":"response.compaction","created_at":${createdSeconds(seed)},` +
    `"output":[${item}],"usage":${usageJson(usage)}}`;
  return whole(200, openAiHeaders(seed, JSON_TYPE), body);
}

/** Responses that can be asked for again. Bounded: the oldest is forgotten. */
export class StoredResponses {
  readonly #most: number;
  readonly #byId = new Map<
    string,
    { response: ScriptedResponse; pollsLeft: number; told: boolean; cancelled: boolean }
  >();

  constructor(most: number) {
    this.#most = most;
  }

  /** `later`: its usage is told by GETs. `polls`: how often a background response is seen `in_progress` before it is done. */
  keep(response: ScriptedResponse, later: boolean, polls: number): void {
    const id = responseId(response.script.seed);
    this.#byId.delete(id);
    const oldest = this.#byId.keys().next();
    if (this.#byId.size >= this.#most && oldest.done !== true) this.#byId.delete(oldest.value);
    this.#byId.set(id, { response, pollsLeft: later ? polls : 0, told: !later, cancelled: false });
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  /** One GET. `first`: usage is told for the first time, so this is when it counts. */
  poll(id: string): { response: ScriptedResponse; status: ResponseStatus; first: boolean } | undefined {
    const stored = this.#byId.get(id);
    if (stored === undefined) return undefined;
    const { response } = stored;
    if (stored.cancelled) return { response, status: 'cancelled', first: false };
    if (stored.pollsLeft > 0) {
      stored.pollsLeft -= 1;
      return { response, status: 'in_progress', first: false };
    }
    const first = !stored.told;
    stored.told = true;
    return { response, status: finalStatus(response.script), first };
  }

  /** One GET of its stream, which ends when the response does. */
  resume(id: string): { response: ScriptedResponse; first: boolean } | undefined {
    const stored = this.#byId.get(id);
    if (stored === undefined || stored.cancelled) return undefined;
    const first = !stored.told;
    stored.told = true;
    stored.pollsLeft = 0;
    return { response: stored.response, first };
  }

  cancel(id: string): ScriptedResponse | undefined {
    const stored = this.#byId.get(id);
    if (stored !== undefined) stored.cancelled = true;
    return stored?.response;
  }

  forget(id: string): boolean {
    return this.#byId.delete(id);
  }

  clear(): void {
    this.#byId.clear();
  }
}
