import type { Opened } from '../../contract/exchange.ts';
import type { CallFacts, PostEvent, PostFacts, PostHook, SendField } from '../../contract/guardrail.ts';
import { HOOK_PAYLOAD_BYTES } from '../../contract/limits.ts';
import { userMessageOf } from '../../protocols/user-message.ts';
import { callData } from './call-data.ts';
import type { CallCost } from '../../contract/aperture-words.ts';
import type { CallParts } from './call-data.ts';
import { readRequest } from './read-request.ts';
import { readResponse } from './read-response.ts';
import type { ReadResponse } from './read-response.ts';

/** What a frame of the journal says, as far as hooks are told of it. */
export type PostFrame =
  | { kind: 'opened'; opened: Opened }
  | { kind: 'head'; status: number; headers: [string, string][] }
  | { kind: 'request' | 'response'; bytes: Uint8Array }
  | { kind: 'closed' };

/** What one hook is told of one exchange. */
export interface Told {
  hook: string;
  event: PostEvent;
  /** `HookCallData` */
  body: Uint8Array;
}

/** Left out first, where all together is too long. */
const LEFT_OUT_FIRST: readonly SendField[] = ['raw_responses', 'response_body', 'tools', 'request_body'];

/**
 * Gathers one exchange from its frames, for hooks that are told of it when it is over. Keeps nothing of one that has
 * none.
 */
export class PostCall {
  readonly #limitBytes: number;
  #opened: Opened | undefined;
  #head: { status: number; headers: [string, string][] } | undefined;
  readonly #request = new Body();
  readonly #response = new Body();

  constructor(limitBytes = HOOK_PAYLOAD_BYTES) {
    this.#limitBytes = limitBytes;
  }

  /** Whether there is something to tell: a provider answered, and however that ended, what was said was said. */
  get isDue(): boolean {
    return this.#hooks.length > 0 && this.#head !== undefined;
  }

  /** Frames in order. Bytes are copied. */
  add(frame: PostFrame): void {
    switch (frame.kind) {
      case 'opened':
        this.#opened = frame.opened;
        return;
      case 'head':
        this.#head = frame;
        return;
      case 'request':
        if (this.#hooks.length > 0) this.#request.add(frame.bytes, this.#limitBytes);
        return;
      case 'response':
        if (this.#hooks.length > 0) this.#response.add(frame.bytes, this.#limitBytes);
        return;
      case 'closed':
        return;
    }
  }

  /** After the last frame: a call for each hook and event, one at a time, as each holds the bodies. */
  async *calls(facts: PostFacts): AsyncGenerator<Told> {
    const opened = this.#opened;
    if (opened === undefined) return;
    const request = await readRequest(opened.api, opened.request_headers, this.#request.whole(), this.#limitBytes);
    const response = await this.#readResponse(opened);
    const post = {
      toolCalls: facts.tool_calls ?? response?.toolCalls ?? [],
      responseBody: response?.body,
      rawResponses: response?.raws ?? [],
    };
    const callsUnknown = facts.tool_calls === null && response === undefined;
    const tooLong: SendField[] = [
      ...(this.#request.tooLong ? (['request_body', 'user_message'] as const) : []),
      ...(this.#response.tooLong ? (['response_body', 'raw_responses'] as const) : []),
      ...(callsUnknown ? (['tools'] as const) : []),
    ];
    for (const hook of opened.hooks) {
      const events = hook.events.filter((event) => {
        // Where nobody knows, there may have been some.
        return event === 'entire_request' || post.toolCalls.length > 0 || callsUnknown;
      });
      if (events.length === 0) continue;
      const parts: CallParts = {
        send: hook.send,
        facts: callFactsOf(opened, hook, facts),
        cost: costOf(facts),
        requestBody: request?.bytes,
        userMessage: () => userMessageOf(opened.api, request?.value),
        post,
      };
      const missing: SendField[] = [
        ...tooLong,
        ...(hook.grants === null ? (['grants'] as const) : []),
        ...(hook.quotas === null ? (['quotas'] as const) : []),
      ];
      const body = bounded(parts, missing, this.#limitBytes);
      for (const event of events) yield { hook: hook.name, event, body };
    }
  }

  get #hooks(): readonly PostHook[] {
    return this.#opened?.hooks ?? [];
  }

  async #readResponse({ api }: Opened): Promise<ReadResponse | undefined> {
    if (this.#head === undefined || this.#response.tooLong) return undefined;
    return readResponse(api, this.#head, this.#response.whole(), this.#limitBytes);
  }
}

/** A body as it was on the wire, whole or not at all. */
class Body {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  tooLong = false;

  add(bytes: Uint8Array, limitBytes: number): void {
    this.#bytes += bytes.length;
    this.tooLong = this.#bytes > limitBytes;
    if (this.tooLong) this.#chunks = [];
    else this.#chunks.push(Buffer.from(bytes));
  }

  whole(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

/** `missing`: what is not at hand, whether it is asked for or not. */
function bounded(parts: CallParts, missing: readonly SendField[], limitBytes: number): Buffer {
  const left = LEFT_OUT_FIRST.filter((field) => !missing.includes(field));
  const asked = (fields: readonly SendField[]): SendField[] => fields.filter((field) => parts.send.includes(field));
  let data = callData(parts, asked(missing));
  for (let count = 1; data.length > limitBytes && count <= left.length; count += 1) {
    data = callData(parts, asked([...missing, ...left.slice(0, count)]));
  }
  return data;
}

function callFactsOf(opened: Opened, hook: PostHook, facts: PostFacts): CallFacts {
  return {
    login: opened.login,
    nodeId: opened.node_id,
    tailnet: hook.tailnet,
    userAgent: opened.user_agent,
    path: opened.path,
    model: opened.model,
    provider: opened.provider,
    requestId: opened.id,
    sessionId: facts.session_base,
    grants: hook.grants ?? {},
    quotas: hook.quotas ?? {},
  };
}

function costOf({
  cost_nanodollars: nanodollars,
  cost_basis: basis,
  usage,
  server_tools: serverTools,
}: PostFacts): CallCost | undefined {
  return nanodollars === null ? undefined : { nanodollars, basis, usage, serverTools };
}
