import type { Api } from '../contract/api.ts';
import type { Usage } from '../contract/usage.ts';
import type { Answer, Told } from './answer.ts';
import { whole } from './answer.ts';
import { Drafts } from './drafts.ts';
import { errorAnswer, steeredFault } from './fault.ts';
import type { ProviderFault } from './fault.ts';
import type { Fixtures } from './fixtures.ts';
import { anthropicRequestId, openAiRequestId } from './headers.ts';
import type { Prompt } from './prompt.ts';
import { readPrompt } from './read-prompt.ts';
import type { Incoming } from './read-prompt.ts';
import { dialectOf } from './routes.ts';
import type { Route } from './routes.ts';
import { seedOf } from './seed.ts';
import { NO_STEERING, readSteering, steeringIn, withoutSteering } from './steering.ts';
import type { Steering } from './steering.ts';

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

/** Turns a request into an answer, as it is steered. */
export class Composer {
  readonly #fixtures: Fixtures;
  readonly #drafts: Drafts;

  constructor(fixtures: Fixtures, models: readonly string[], nowMs: () => number) {
    this.#fixtures = fixtures;
    this.#drafts = new Drafts(models, nowMs);
  }

  reset(): void {
    this.#drafts.reset();
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
    const draft = this.#drafts.draft(route, prompt, s, settings, told);
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
