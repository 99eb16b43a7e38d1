import type { Api } from '../contract/api.ts';
import type { Usage } from '../contract/usage.ts';
import { answerMessages, messageId } from './anthropic-messages.ts';
import type { Answer, Told } from './answer.ts';
import { whole } from './answer.ts';
import { errorAnswer, steeredFault } from './fault.ts';
import type { ProviderFault } from './fault.ts';
import type { Fixtures } from './fixtures.ts';
import { answerCountTokens, answerEmbed, answerGenerate } from './gemini.ts';
import { JSON_TYPE, anthropicHeaders, anthropicRequestId, openAiHeaders, openAiRequestId } from './headers.ts';
import { listAt, parseObject } from './json.ts';
import type { JsonObject } from './json.ts';
import { answerModel, answerModels } from './models.ts';
import { answerChat, chatId } from './openai-chat.ts';
import { answerEmbeddings, vectorOf } from './openai-embeddings.ts';
import { answerMedia, formFields } from './openai-media.ts';
import {
  StoredResponses,
  answerCompact,
  answerResponses,
  responseId,
  responseJson,
  scriptResponse,
  streamed,
} from './openai-responses.ts';
import { blindPrompt, readChat, readEmbeddings, readGemini, readMedia, readMessages, readResponses } from './prompt.ts';
import type { Prompt } from './prompt.ts';
import { dialectOf } from './routes.ts';
import type { Route } from './routes.ts';
import { countedInput, writeScript } from './script.ts';
import type { BilledApi, Script } from './script.ts';
import { letters, seedOf } from './seed.ts';
import { NO_STEERING, readSteering, steeringIn, withoutSteering } from './steering.ts';
import type { Steering } from './steering.ts';

/** Responses kept for a later GET. */
const STORED_RESPONSES = 2000;

export interface Incoming {
  route: Route;
  header: (name: string) => string | undefined;
  /** Settings of the simulator itself, then of the `x-sim` header. */
  defaultSettings: string;
  headerSettings: string;
  /** Decoded; undefined when its content-encoding was not understood. */
  body: Buffer | undefined;
}

/** What the books say about an answer before it is sent. */
export interface About {
  id: string | null;
  request_id: string | null;
  tag: string | null;
  api: Api | 'models' | 'root' | 'fixture' | 'unknown' | 'response_get';
  model: string;
  model_served: string | null;
  stream: boolean;
  status: number;
  usage: Usage | null;
  stop: string | null;
  web_searches: number;
}

export interface Composed {
  answer: Answer;
  steering: Steering;
  about: About;
  told: Told;
  splitOffsets: number[];
}

interface Draft {
  answer: Answer;
  script?: Script;
  id?: string | null;
  /** Usage that counts, where it is not the script's. */
  usage?: Usage | null;
}

const API_OF: Partial<Record<Route['to'], About['api']>> = {
  chat: 'openai_chat',
  responses: 'openai_responses',
  input_tokens: 'openai_responses_input_tokens',
  compact: 'openai_responses_compact',
  response: 'response_get',
  embeddings: 'openai_embeddings',
  messages: 'anthropic_messages',
  count_tokens: 'anthropic_count_tokens',
  models: 'models',
  model: 'models',
  root: 'root',
};

function apiOf(route: Route): About['api'] {
  if (route.to === 'messages' && route.model !== undefined) return 'google_raw_predict';
  if (route.to === 'media') return route.api;
  if (route.to !== 'gemini') return API_OF[route.to] ?? 'unknown';
  switch (route.verb) {
    case 'count':
      return 'gemini_count_tokens';
    case 'embed':
    case 'embed_batch':
      return 'gemini_embed_content';
    default:
      return route.vertex ? 'google_generate_content' : 'gemini_generate_content';
  }
}

/** Turns a request into an answer. Holds no state but the responses that may be asked for again. */
export class Composer {
  readonly #fixtures: Fixtures;
  readonly #models: readonly string[];
  readonly #nowMs: () => number;
  readonly #stored = new StoredResponses(STORED_RESPONSES);

  constructor(fixtures: Fixtures, models: readonly string[], nowMs: () => number) {
    this.#fixtures = fixtures;
    this.#models = models;
    this.#nowMs = nowMs;
  }

  reset(): void {
    this.#stored.clear();
  }

  compose(incoming: Incoming): Composed {
    const { route } = incoming;
    const header = readSteering(joined([incoming.defaultSettings, incoming.headerSettings]));
    if (!header.ok) return this.#refused(incoming, NO_STEERING, '', { status: 400, message: header.why });
    const read = readPrompt(incoming, header.value);
    if (!read.ok) return this.#refused(incoming, header.value, '', { status: 400, message: read.why });
    const prompt = { ...read.value, model: withoutSteering(read.value.model) };
    const settings = joined([
      incoming.defaultSettings,
      steeringIn(read.value.model),
      steeringIn(prompt.lastUserText),
      incoming.headerSettings,
    ]);
    const steering = readSteering(settings);
    if (!steering.ok) return this.#refused(incoming, NO_STEERING, prompt.model, { status: 400, message: steering.why });
    const s = steering.value;
    if (s.fixture !== undefined) return this.#fixture(incoming, s, s.fixture, prompt);
    if (s.html === true) return this.#html(incoming, s, prompt);
    if (s.status !== undefined && s.status >= 400) {
      return this.#refused(incoming, s, prompt.model, steeredFault(s, s.status));
    }
    const missing = read.complaint;
    if (missing !== undefined) return this.#refused(incoming, s, prompt.model, missing);
    const told: Told = { usage: null, state: 'absent' };
    const draft = this.#draft(route, prompt, s, settings, told);
    if ('status' in draft) return this.#refused(incoming, s, prompt.model, draft);
    const { script } = draft;
    return {
      answer: finished(draft.answer, s),
      steering: s,
      told,
      splitOffsets: [],
      about: {
        id: draft.id ?? null,
        request_id: requestIdOf(draft.answer),
        tag: s.tag ?? null,
        api: apiOf(route),
        model: prompt.model,
        model_served: script?.model ?? null,
        stream: draft.answer.kind === 'stream',
        status: draft.answer.kind === 'stream' ? 200 : (s.status ?? draft.answer.status),
        usage: draft.usage === undefined ? (script?.usage ?? null) : draft.usage,
        stop: script?.stop ?? null,
        web_searches: script?.webSearches ?? 0,
      },
    };
  }

  #draft(route: Route, prompt: Prompt, steering: Steering, settings: string, told: Told): Draft | ProviderFault {
    switch (route.to) {
      case 'root':
        return { answer: whole(200, ['content-type', 'text/plain'], 'A simulated provider. See docs/simulator.md.\n') };
      case 'models':
        return { answer: answerModels(route.dialect, this.#models) };
      case 'model':
        return { answer: answerModel(route.dialect, route.id) };
      case 'response':
        return this.#storedResponse(route, steering, told);
      case 'count_tokens': {
        const headers = anthropicHeaders(seedOf(prompt.said), JSON_TYPE);
        return { answer: whole(200, headers, `{"input_tokens":${steering.input ?? countedInput(prompt)}}`) };
      }
      case 'input_tokens': {
        const body = `{"object":"response.input_tokens","input_tokens":${steering.input ?? countedInput(prompt)}}`;
        return { answer: whole(200, openAiHeaders(seedOf(prompt.said), JSON_TYPE), body) };
      }
      case 'nowhere':
        return { status: 404, message: 'Unknown request URL.' };
      case 'gemini':
        if (route.verb === 'count') return { answer: answerCountTokens(steering.input ?? countedInput(prompt)) };
        return this.#billed(route, 'gemini', prompt, steering, settings, told);
      case 'chat':
        return this.#billed(route, 'openai_chat', prompt, steering, settings, told);
      case 'embeddings':
        return this.#billed(route, 'openai_embeddings', prompt, steering, settings, told);
      case 'media':
        return this.#billed(route, route.api, prompt, steering, settings, told);
      case 'messages':
        return this.#billed(route, 'anthropic_messages', prompt, steering, settings, told);
      case 'responses':
      case 'compact':
        return this.#billed(route, 'openai_responses', prompt, steering, settings, told);
    }
  }

  #billed(
    route: Route,
    api: BilledApi,
    prompt: Prompt,
    steering: Steering,
    settings: string,
    told: Told,
  ): Draft | ProviderFault {
    const embeds = route.to === 'gemini' && (route.verb === 'embed' || route.verb === 'embed_batch');
    const written = writeScript(embeds ? 'openai_embeddings' : api, prompt, steering, settings, this.#nowMs);
    if (!written.ok) return { status: 400, message: written.why };
    const script = written.value;
    switch (route.to) {
      case 'chat':
        return { answer: answerChat(script, prompt, steering, told), script, id: chatId(script.seed) };
      case 'messages':
        return { answer: answerMessages(script, prompt, steering, told), script, id: messageId(script.seed) };
      case 'media': {
        const answer = answerMedia(route.api, script, prompt, steering, told);
        // Sound and mere text tell no usage, and nobody books any.
        return { answer, script, usage: tellsUsage(answer) ? script.usage : null };
      }
      case 'compact':
        return { answer: answerCompact(script, told), script, id: responseId(script.seed) };
      case 'responses': {
        const response = scriptResponse(script, prompt, steering);
        const later = response.repeated.background && !prompt.stream;
        if (response.repeated.store) this.#stored.keep(response, later, steering.polls ?? 1);
        const answer = answerResponses(response, prompt, steering, told);
        return { answer, script, id: responseId(script.seed), usage: later ? null : script.usage };
      }
      case 'gemini': {
        if (!embeds) {
          const framing = route.sse ? 'sse' : 'array';
          return {
            answer: answerGenerate(script, prompt, framing, steering, told),
            script,
            id: letters(script.seed, 0, 22),
          };
        }
        const values = JSON.stringify(vectorOf(script.seed));
        const texts = Math.max(1, listAt(prompt.body, 'requests').length);
        const answer = answerEmbed(script, values, texts, route.verb === 'embed_batch', steering, told);
        return { answer, script, usage: steering.usage === 'always' ? script.usage : null };
      }
      default:
        return { answer: answerEmbeddings(script, prompt, steering, told), script };
    }
  }

  #storedResponse(route: Route & { to: 'response' }, steering: Steering, told: Told): Draft | ProviderFault {
    const { id, verb } = route;
    const unknown = { status: 404, message: `Response with id '${id}' not found.` };
    const headers = openAiHeaders(seedOf(`${verb} ${id}`), JSON_TYPE);
    if (verb === 'delete') {
      const body = `{"id":${JSON.stringify(id)},"object":"response","deleted":true}`;
      return this.#stored.forget(id) ? { answer: whole(200, headers, body), id } : unknown;
    }
    if (verb === 'cancel') {
      const response = this.#stored.cancel(id);
      if (response === undefined) return unknown;
      return {
        answer: whole(200, headers, responseJson(response, 'cancelled', told)),
        script: response.script,
        id,
        usage: null,
      };
    }
    if (verb === 'input_items') {
      const body = '{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}';
      return this.#stored.has(id) ? { answer: whole(200, headers, body), id } : unknown;
    }
    const resumed = route.after === undefined ? undefined : this.#stored.resume(id);
    if (resumed !== undefined) {
      const { response, first } = resumed;
      const answer = streamed(response, steering, told, route.after ?? -1);
      return { answer, script: response.script, id, usage: first ? response.script.usage : null };
    }
    const polled = this.#stored.poll(id);
    if (polled === undefined) return unknown;
    const { response, status, first } = polled;
    // The same usage told again is not used again.
    return {
      answer: whole(200, headers, responseJson(response, status, told)),
      script: response.script,
      id,
      usage: first ? response.script.usage : null,
    };
  }

  #refused(incoming: Incoming, steering: Steering, model: string, fault: ProviderFault): Composed {
    const { route } = incoming;
    const dialect = dialectOf(route);
    const seed = seedOf(`${fault.status} ${fault.message}`);
    const requestId = dialect === 'anthropic' ? anthropicRequestId(seed) : openAiRequestId(seed);
    const array = route.to === 'gemini' && route.verb === 'stream' && !route.sse;
    const shaped = errorAnswer(dialect, fault, requestId, array);
    const named = dialect === 'google' ? [] : [dialect === 'anthropic' ? 'request-id' : 'x-request-id', requestId];
    const answer = whole(fault.status, [...shaped.headers, ...named], shaped.body);
    return this.#unbilled(incoming, steering, model, answer, fault.status);
  }

  /** What a proxy before the provider says when the provider is away. */
  #html(incoming: Incoming, steering: Steering, prompt: Prompt): Composed {
    const status = steering.status ?? 502;
    const body = `<html>\r\n<head><title>${status} Bad Gateway</title></head>\r\n<body><h1>${status} Bad Gateway</h1></body>\r\n</html>\r\n`;
    return this.#unbilled(incoming, steering, prompt.model, whole(status, ['content-type', 'text/html'], body), status);
  }

  #unbilled(incoming: Incoming, steering: Steering, model: string, answer: Answer, status: number): Composed {
    return {
      answer: finished(answer, { ...steering, status }),
      steering,
      told: { usage: null, state: 'absent' },
      splitOffsets: [],
      about: {
        id: null,
        request_id: requestIdOf(answer),
        tag: steering.tag ?? null,
        api: apiOf(incoming.route),
        model,
        model_served: null,
        stream: false,
        status,
        usage: null,
        stop: null,
        web_searches: 0,
      },
    };
  }

  #fixture(incoming: Incoming, steering: Steering, name: string, prompt: Prompt): Composed {
    const fixture = this.#fixtures.get(name);
    if (fixture === undefined) {
      return this.#refused(incoming, steering, prompt.model, { status: 404, message: `x-sim: no fixture ${name}` });
    }
    // 101 is the transcript of a socket: there is nothing to answer a request with.
    if (fixture.status < 200) {
      return this.#refused(incoming, steering, prompt.model, {
        status: 400,
        message: `x-sim: ${name} is a transcript`,
      });
    }
    const answer: Answer = {
      kind: 'whole',
      status: fixture.status,
      headers: [...fixture.headers],
      body: fixture.body,
      chunked: fixture.stream,
    };
    return {
      answer,
      steering,
      told: { usage: fixture.usage, state: fixture.usageState },
      splitOffsets: fixture.splitOffsets,
      about: {
        id: fixture.responseId,
        request_id: requestIdOf(answer),
        tag: steering.tag ?? null,
        api: 'fixture',
        model: prompt.model,
        model_served: fixture.modelServed,
        stream: fixture.stream,
        status: fixture.status,
        usage: fixture.usage,
        stop: fixture.stop,
        web_searches: 0,
      },
    };
  }
}

function tellsUsage({ kind, headers }: Answer): boolean {
  return kind === 'stream' || headers.includes(JSON_TYPE);
}

function joined(settings: readonly string[]): string {
  return settings.filter((one) => one !== '').join(';');
}

function requestIdOf(answer: Answer): string | null {
  for (let i = 0; i < answer.headers.length; i += 2) {
    const name = answer.headers[i];
    if (name === 'x-request-id' || name === 'request-id') return answer.headers[i + 1] ?? null;
  }
  return null;
}

/** The last touches that hold for every API. */
function finished(answer: Answer, steering: Steering): Answer {
  const headers = steering.close === true ? [...answer.headers, 'connection', 'close'] : answer.headers;
  if (answer.kind === 'stream') return { ...answer, headers };
  const spoiled = steering.bad_json === true && typeof answer.body === 'string';
  const body = spoiled ? String(answer.body).slice(0, Math.floor(answer.body.length / 2)) : answer.body;
  return { ...answer, headers, body, status: steering.status ?? answer.status };
}

/** `complaint`: what the real API would refuse, unless the request steers towards another answer. */
type PromptResult = { ok: true; value: Prompt; complaint: ProviderFault | undefined } | { ok: false; why: string };

const EMPTY = blindPrompt('', false);

function readPrompt(incoming: Incoming, steering: Steering): PromptResult {
  const { route } = incoming;
  const hasBody = !['root', 'models', 'model', 'response', 'nowhere'].includes(route.to);
  if (!hasBody) return { ok: true, value: EMPTY, complaint: undefined };
  if (steering.blind === true) return { ok: true, value: blindRead(route, steering), complaint: undefined };
  if (incoming.body === undefined)
    return { ok: false, why: 'The content-encoding of the request is not supported or broken.' };
  const isForm = /^multipart\//i.test(incoming.header('content-type') ?? '');
  const body = isForm ? formFields(incoming.body) : parseObject(incoming.body.toString('utf8'));
  if (body === undefined) {
    // Settings in the header can ask for an answer whatever the body is.
    if (steering.fixture !== undefined || steering.status !== undefined)
      return { ok: true, value: EMPTY, complaint: undefined };
    return { ok: false, why: 'We could not parse the JSON body of your request.' };
  }
  const prompt = promptOf(route, body);
  return { ok: true, value: prompt, complaint: complaintAbout(route, body, prompt, incoming.header) };
}

/** Without a look at the body: what is not in the path comes from the settings. */
function blindRead(route: Route, steering: Steering): Prompt {
  const model = route.to === 'gemini' ? route.model : (steering.served ?? 'blind');
  const stream = route.to === 'gemini' ? route.verb === 'stream' : steering.stream === true;
  return blindPrompt(model, stream);
}

function promptOf(route: Route, body: JsonObject): Prompt {
  switch (route.to) {
    case 'messages':
    case 'count_tokens': {
      const prompt = readMessages(body);
      if (route.to === 'count_tokens' || route.model === undefined) return prompt;
      return { ...prompt, model: route.model, stream: route.stream === true };
    }
    case 'responses':
    case 'input_tokens':
    case 'compact':
      return readResponses(body);
    case 'gemini':
      return readGemini(body, route.model, route.verb === 'stream');
    case 'embeddings':
      return readEmbeddings(body);
    case 'media':
      return readMedia(body);
    default:
      return readChat(body);
  }
}

function complaintAbout(
  route: Route,
  body: JsonObject,
  prompt: Prompt,
  header: (name: string) => string | undefined,
): ProviderFault | undefined {
  const lacks = (what: string): ProviderFault => ({ status: 400, message: what });
  switch (route.to) {
    case 'chat':
      if (prompt.model === '') return lacks('you must provide a model parameter');
      return Array.isArray(body['messages']) ? undefined : lacks("Missing required parameter: 'messages'.");
    case 'messages':
    case 'count_tokens':
      if (header('anthropic-version') === undefined && body['anthropic_version'] === undefined) {
        return lacks('anthropic-version: header is required');
      }
      if (prompt.model === '') return lacks('model: Field required');
      if (!Array.isArray(body['messages'])) return lacks('messages: Field required');
      return route.to === 'messages' && prompt.maxOutput === undefined
        ? lacks('max_tokens: Field required')
        : undefined;
    case 'responses':
    case 'compact':
      return prompt.model === '' ? lacks("Missing required parameter: 'model'.") : undefined;
    case 'media':
      return prompt.model === '' ? lacks('you must provide a model parameter') : undefined;
    case 'embeddings':
      if (prompt.model === '') return lacks('you must provide a model parameter');
      return body['input'] === undefined ? lacks("Missing required parameter: 'input'.") : undefined;
    case 'gemini':
      if (route.verb !== 'generate' && route.verb !== 'stream') return undefined;
      return Array.isArray(body['contents'])
        ? undefined
        : lacks('* GenerateContentRequest.contents: contents is not specified');
    default:
      return undefined;
  }
}
