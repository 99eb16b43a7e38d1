import type { Api } from '../../contract/api.ts';
import type { ToolCall } from '../../contract/facts.ts';
import { eventTexts } from '../../protocols/bedrock/body.ts';
import { EVENT_STREAM_TYPE } from '../../protocols/bedrock/event-stream.ts';
import { createDecoder } from '../../protocols/decode.ts';
import { emptyRequestFacts } from '../../protocols/facts.ts';
import { JsonItems } from '../../protocols/json-items.ts';
import { parseJson } from '../../protocols/json.ts';
import { mediaType } from '../../protocols/reader.ts';
import { protocolFor } from '../../protocols/registry.ts';
import { SseReader } from '../../protocols/sse.ts';

/** A response that is over, as hooks are told of it. */
export interface ReadResponse {
  /** JSON text: of a stream, put together again; undefined where there is none. */
  body: string | undefined;
  /** JSON texts of a stream's messages, or the one of the response. */
  raws: string[];
  toolCalls: ToolCall[];
  /** One JSON value that came whole, as it came. */
  isWhole: boolean;
}

/** Reads a response of which everything is known, or as much of it as came. */
export async function readResponse(
  api: Api,
  head: { status: number; headers: readonly (readonly [string, string])[] },
  encoded: Uint8Array,
  limitBytes: number,
): Promise<ReadResponse> {
  const headers = new Map(head.headers);
  const bytes = await decoded(headers.get('content-encoding'), encoded, limitBytes);
  const reader = protocolFor(api).openResponse({ status: head.status, headers }, emptyRequestFacts());
  reader.push(bytes);
  const { tool_calls: toolCalls } = reader.end('complete');
  const text = Buffer.from(bytes)
    .toString('utf8')
    .replace(/^\uFEFF/, '');
  const whole = parseJson(text);
  // A JSON array is Gemini's other way to stream.
  if (whole !== undefined && !Array.isArray(whole)) return { body: text, raws: [text], toolCalls, isWhole: true };
  const rebuilt = reader.rebuilt?.();
  const isFrames = mediaType({ status: head.status, headers }) === EVENT_STREAM_TYPE;
  return {
    body: rebuilt === undefined || rebuilt === null ? undefined : JSON.stringify(rebuilt),
    raws: isFrames ? eventTexts(bytes) : text.trimStart().startsWith('[') ? itemsOf(bytes) : messagesOf(bytes),
    toolCalls,
    isWhole: false,
  };
}

/** What comes out before something that cannot be decoded, which an exchange that was cut short ends with. */
async function decoded(encoding: string | undefined, bytes: Uint8Array, limitBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const decoder = createDecoder(encoding, {
    limitBytes,
    onBytes: (part) => {
      parts.push(Buffer.from(part));
    },
  });
  if (!decoder.ok) return new Uint8Array();
  await decoder.value.push(bytes);
  await decoder.value.end();
  return Buffer.concat(parts);
}

function messagesOf(bytes: Uint8Array): string[] {
  const messages: string[] = [];
  const sse = new SseReader(({ data }) => {
    // `[DONE]` and pings without data are no messages.
    if (parseJson(data) !== undefined) messages.push(data);
  });
  sse.push(bytes);
  sse.end();
  return messages;
}

function itemsOf(bytes: Uint8Array): string[] {
  const items: string[] = [];
  const reader = new JsonItems((text) => {
    if (parseJson(text) !== undefined) items.push(text);
  });
  reader.push(bytes);
  return items;
}
