import type { Api } from '../../contract/api.ts';
import type { ResponseFacts } from '../../contract/facts.ts';
import { factsOfMessage } from '../anthropic-messages/unary.ts';
import { emptyResponseFacts } from '../facts.ts';
import { factsOfGenerate } from '../gemini/unary.ts';
import { isObject, objectOf, parseJson } from '../json.ts';
import type { JsonObject } from '../json.ts';
import { factsOfCompletion } from '../openai-chat/unary.ts';
import { factsOfEmbeddings } from '../openai-embeddings/protocol.ts';
import { factsOfResponse } from '../openai-responses/unary.ts';
import type { ResponseHead, ResponseReader } from '../protocol.ts';
import type { ResourceEndpoint } from '../resources/endpoints.ts';
import { flag } from '../tally.ts';
import { InlinedReader } from './inlined.ts';
import { LineReader } from './lines.ts';

/** What became of one request of a batch. */
export interface BatchLine {
  failed: boolean;
  /** Undefined where the provider did not answer it. A failed one may have usage all the same. */
  answer: ResponseFacts | undefined;
}

/** Reads the results of a batch as they pass; keeps a line at a time. */
export interface BatchReader extends ResponseReader {
  /** After `end`: they were read from the first line to the last, of a batch that is over. */
  readonly whole: boolean;
}

/** Endpoints whose answer has the results of a batch, where what their path names is one, or was made by one. */
const RESULTS: ReadonlySet<string> = new Set([
  'openai_files /v1/files/{file}/content',
  'anthropic_batches /v1/messages/batches/{batch}/results',
  'gemini_batches /v1beta/batches/{batch}',
  'gemini_files /v1beta/files/{file}:download',
  'gemini_files /download/v1beta/files/{file}:download',
]);

export function mayHaveResults({ api, method, path }: ResourceEndpoint): boolean {
  return method === 'GET' && RESULTS.has(`${api} ${path}`);
}

/** Undefined where the answer has no results, or not all of them. */
export function openBatchResults(
  api: Api,
  { status }: ResponseHead,
  onLine: (line: BatchLine) => void,
): BatchReader | undefined {
  if (status !== 200) return undefined;
  switch (api) {
    case 'openai_files':
      return new ResultLines((line) => openaiLine(line), onLine);
    case 'anthropic_batches':
      return new ResultLines((line) => anthropicLine(line), onLine);
    case 'gemini_files':
      return new ResultLines((line) => geminiLine(line), onLine);
    case 'gemini_batches':
      return new InlinedResults(onLine);
    default:
      return undefined;
  }
}

type ReadLine = (line: JsonObject) => BatchLine;

/** JSON Lines. */
class ResultLines implements BatchReader {
  readonly #lines: LineReader;
  readonly #flags: string[] = [];
  whole = false;

  constructor(readLine: ReadLine, onLine: (line: BatchLine) => void) {
    this.#lines = new LineReader((text) => {
      const value = parseJson(text);
      if (isObject(value)) onLine(readLine(value));
      else flag(this.#flags, 'unreadable_event');
    });
  }

  push(bytes: Uint8Array): void {
    this.#lines.push(bytes);
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    if (how === 'complete') this.#lines.end();
    if (this.#lines.passedOver > 0) flag(this.#flags, 'event_over_limit');
    this.whole = how === 'complete';
    return { ...emptyResponseFacts(), complete: this.whole, usage_flags: this.#flags };
  }
}

/** A batch of Gemini's that has its answers in it once it is over; before that it is polled. */
class InlinedResults implements BatchReader {
  readonly #items: InlinedReader;
  readonly #flags: string[] = [];
  #isOver = false;
  whole = false;

  constructor(onLine: (line: BatchLine) => void) {
    this.#items = new InlinedReader(
      (text) => {
        const value = parseJson(text);
        if (isObject(value)) onLine(geminiLine(value));
        else flag(this.#flags, 'unreadable_event');
      },
      (path, token) => {
        this.#isOver ||= saysOver(path, token);
      },
    );
  }

  push(bytes: Uint8Array): void {
    this.#items.push(bytes);
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    if (this.#items.passedOver > 0) flag(this.#flags, 'event_over_limit');
    this.whole = how === 'complete' && this.#items.whole && this.#isOver;
    return { ...emptyResponseFacts(), complete: how === 'complete', usage_flags: this.#flags };
  }
}

const OVER = /_(?:SUCCEEDED|FAILED|CANCELLED|EXPIRED)$/;

/** `done` of the operation, or the state of the batch, which some versions have alone. */
function saysOver(path: readonly string[], token: string): boolean {
  const [first, second] = path;
  if (path.length === 1 && first === 'done') return token === 'true';
  const isState =
    path.length === 1 ? first === 'state' : path.length === 2 && first === 'metadata' && second === 'state';
  return isState && OVER.test(token);
}

/** `{custom_id, response: {status_code, body}, error}` */
function openaiLine(line: JsonObject): BatchLine {
  const response = objectOf(line['response']);
  const { body } = response;
  if (!isObject(body)) return { failed: true, answer: undefined };
  const status = response['status_code'];
  const isGood = line['error'] === null || line['error'] === undefined;
  return answered(factsOfBody(body), isGood && (typeof status !== 'number' || status < 400));
}

/** By what the answer is: a line does not say which endpoint it was for. */
function factsOfBody(body: JsonObject): ResponseFacts {
  if (body['object'] === 'response' || Array.isArray(body['output'])) return factsOfResponse(body);
  return body['object'] === 'list' ? factsOfEmbeddings(body) : factsOfCompletion(body);
}

/** `{custom_id, result: {type, message | error}}` */
function anthropicLine(line: JsonObject): BatchLine {
  const result = objectOf(line['result']);
  const { message } = result;
  if (!isObject(message)) return { failed: true, answer: undefined };
  return answered(factsOfMessage(message), result['type'] === 'succeeded');
}

/** `{key | metadata, response | error}`, in a file and within the batch. */
function geminiLine(line: JsonObject): BatchLine {
  const { response } = line;
  if (!isObject(response)) return { failed: true, answer: undefined };
  return answered(factsOfGenerate(response), !isObject(line['error']));
}

function answered(answer: ResponseFacts, isGood: boolean): BatchLine {
  return { failed: !isGood || answer.error !== null, answer };
}
