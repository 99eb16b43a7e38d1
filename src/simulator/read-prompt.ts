import type { ProviderFault } from './fault.ts';
import { parseObject } from './json.ts';
import type { JsonObject } from './json.ts';
import { formFields } from './openai-media.ts';
import { blindPrompt, readChat, readEmbeddings, readGemini, readMedia, readMessages, readResponses } from './prompt.ts';
import type { Prompt } from './prompt.ts';
import type { Route } from './routes.ts';
import type { Steering } from './steering.ts';

/** A request as it comes to the simulator. */
export interface Incoming {
  route: Route;
  header: (name: string) => string | undefined;
  /** Settings of the simulator itself, then of the `x-sim` header. */
  defaultSettings: string;
  headerSettings: string;
  /** Decoded; undefined when its content-encoding was not understood. */
  body: Buffer | undefined;
}

/** `complaint`: what the real API would refuse, unless the request steers towards another answer. */
export type PromptResult =
  | { ok: true; value: Prompt; complaint: ProviderFault | undefined }
  | { ok: false; why: string };

const EMPTY = blindPrompt('', false);

export function readPrompt(incoming: Incoming, steering: Steering): PromptResult {
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
