import { answerMessages, messageId } from './anthropic-messages.ts';
import type { Answer, Told } from './answer.ts';
import { whole } from './answer.ts';
import type { Usage } from '../contract/usage.ts';
import type { ProviderFault } from './fault.ts';
import { answerCountTokens, answerEmbed, answerGenerate } from './gemini.ts';
import { JSON_TYPE, anthropicHeaders, openAiHeaders } from './headers.ts';
import { listAt } from './json.ts';
import { answerModel, answerModels } from './models.ts';
import { answerChat, chatId } from './openai-chat.ts';
import { answerEmbeddings, vectorOf } from './openai-embeddings.ts';
import { answerMedia } from './openai-media.ts';
import {
  StoredResponses,
  answerCompact,
  answerResponses,
  responseId,
  responseJson,
  scriptResponse,
  streamed,
} from './openai-responses.ts';
import type { Prompt } from './prompt.ts';
import type { Route } from './routes.ts';
import { countedInput, writeScript } from './script.ts';
import type { BilledApi, Script } from './script.ts';
import { letters, seedOf } from './seed.ts';
import type { Steering } from './steering.ts';

/** Responses kept for a later GET. */
const STORED_RESPONSES = 2000;

/** An answer before its last touches, and what the books have to know of it. */
export interface Draft {
  answer: Answer;
  script?: Script;
  id?: string | null;
  /** Usage that counts, where it is not the script's. */
  usage?: Usage | null;
}

/** What a provider says to a request that is in order. Keeps the responses that may be asked for again. */
export class Drafts {
  readonly #models: readonly string[];
  readonly #nowMs: () => number;
  readonly #stored = new StoredResponses(STORED_RESPONSES);

  constructor(models: readonly string[], nowMs: () => number) {
    this.#models = models;
    this.#nowMs = nowMs;
  }

  reset(): void {
    this.#stored.clear();
  }

  draft(route: Route, prompt: Prompt, steering: Steering, settings: string, told: Told): Draft | ProviderFault {
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
}

function tellsUsage({ kind, headers }: Answer): boolean {
  return kind === 'stream' || headers.includes(JSON_TYPE);
}
