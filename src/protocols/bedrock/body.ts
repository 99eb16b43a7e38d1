import type { ProviderError, ResponseFacts } from '../../contract/facts.ts';
import { isObject, objectOf, parseJson, textOf, textOrNull } from '../json.ts';
import type { JsonObject } from '../json.ts';
import type { ResponseHead, ResponseReader } from '../protocol.ts';
import { httpErrorFacts, providerError } from '../provider-error.ts';
import { WholeBody, mediaType } from '../reader.ts';
import type { Assembly } from '../reader.ts';
import { flag } from '../tally.ts';
import { EVENT_STREAM_TYPE, FrameReader } from './event-stream.ts';
import type { Frame } from './event-stream.ts';

export interface BedrockShapes {
  /** Undefined where the operation has no streams. */
  stream: (() => Assembly) | undefined;
  /** The value that an event frame stands for; undefined where it is none. */
  valueIn: (type: string, payload: JsonObject) => unknown;
  unary: (body: unknown) => ResponseFacts;
}

/** The reader for an answer of Bedrock's runtime, by its status and content-type. */
export function openBedrock(head: ResponseHead, shapes: BedrockShapes): ResponseReader {
  if (head.status >= 400) return new WholeBody((body, whole) => errorFacts(head, body, whole), true);
  const { stream, unary, valueIn } = shapes;
  if (stream !== undefined && mediaType(head) === EVENT_STREAM_TYPE) return new FrameBody(stream(), valueIn);
  return new WholeBody(unary);
}

/** The exception's name is in a header, perhaps with an address behind it, or in the body as `…#Name`. */
function errorFacts(head: ResponseHead, body: unknown, whole: boolean): ResponseFacts {
  const facts = httpErrorFacts(body, whole);
  const named = textOrNull(head.headers.get('x-amzn-errortype')) ?? textOrNull(objectOf(body)['__type']);
  const type = named?.split(':', 1)[0]?.split('#').at(-1);
  if (facts.error !== null && type !== undefined && type.length <= ERROR_TYPE_CHARS) facts.error.type = type;
  return facts;
}

const ERROR_TYPE_CHARS = 128;

/** An event stream: events for the assembly, and the exception that may end it. */
class FrameBody implements ResponseReader {
  readonly #assembly: Assembly;
  readonly #valueIn: BedrockShapes['valueIn'];
  readonly #frames = new FrameReader((frame) => {
    this.#read(frame);
  });
  #error: ProviderError | null = null;
  #unreadable = false;

  constructor(assembly: Assembly, valueIn: BedrockShapes['valueIn']) {
    this.#assembly = assembly;
    this.#valueIn = valueIn;
  }

  push(bytes: Uint8Array): void {
    this.#frames.push(bytes);
  }

  end(how: 'complete' | 'cut'): ResponseFacts {
    const whole = how === 'complete' && this.#frames.betweenFrames && !this.#frames.broken;
    const facts = this.#assembly.facts(whole ? 'complete' : 'cut');
    if (this.#unreadable) flag(facts.usage_flags, 'unreadable_event');
    if (this.#frames.broken) flag(facts.usage_flags, 'broken_frame');
    const error = this.#error;
    if (error === null) return facts;
    return {
      ...facts,
      error,
      stop_reason: { raw: facts.stop_reason?.raw ?? '', canonical: 'error' },
      usage_state: facts.usage === null ? 'absent' : 'partial',
      complete: false,
      terminator: null,
    };
  }

  rebuilt(): unknown {
    return this.#assembly.rebuilt();
  }

  #read({ headers, payload }: Frame): void {
    // Nothing is said behind an exception.
    if (this.#error !== null) return;
    const kind = headers.get(':message-type') ?? 'event';
    if (kind === 'error') {
      this.#error = {
        where: 'stream',
        type: textOrNull(headers.get(':error-code')),
        code: null,
        message: textOrNull(headers.get(':error-message')),
      };
      return;
    }
    const value = parseJson(payload.toString('utf8'));
    if (kind === 'exception') {
      const { message } = providerError('stream', value);
      this.#error = { where: 'stream', type: textOrNull(headers.get(':exception-type')), code: null, message };
      return;
    }
    const event = isObject(value) ? this.#valueIn(headers.get(':event-type') ?? '', value) : undefined;
    if (isObject(event)) this.#assembly.accept(event, payload.length);
    // It passed through as it was; only our books cannot use it.
    else this.#unreadable = true;
  }
}

/** Converse: the type stands in the frame's header. */
export function eventOfConverse(type: string, payload: JsonObject): unknown {
  return { [type]: payload };
}

/** InvokeModel: the vendor's event in base64, beside padding. */
export function eventOfInvoke(_type: string, payload: JsonObject): unknown {
  return parseJson(Buffer.from(textOf(payload['bytes']), 'base64').toString('utf8'));
}

/** The JSON texts of a stream's events, as AWS or the vendor wrote them. */
export function eventTexts(bytes: Uint8Array): string[] {
  const texts: string[] = [];
  const frames = new FrameReader(({ payload }) => {
    const text = payload.toString('utf8');
    const vendors = textOrNull(objectOf(parseJson(text))['bytes']);
    texts.push(vendors === null ? text : Buffer.from(vendors, 'base64').toString('utf8'));
  });
  frames.push(bytes);
  return texts;
}
