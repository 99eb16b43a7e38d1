import type { StopReason, Usage } from '../contract/usage.ts';
import { tellAll, whole } from './answer.ts';
import type { Answer, Told } from './answer.ts';
import { errorEvent } from './fault.ts';
import { JSON_TYPE, SSE_TYPE, anthropicHeaders, anthropicRequestId } from './headers.ts';
import { escaped } from './json.ts';
import type { Prompt } from './prompt.ts';
import { fragmentsOf } from './script.ts';
import type { Script } from './script.ts';
import { letters } from './seed.ts';
import type { Seed } from './seed.ts';
import type { Steering } from './steering.ts';
import { wholeOf } from './words.ts';

/** What `message_start` says of the output: the real API counts a few tokens that it has by then. */
const FIRST_OUTPUT = 2;

const THOUGHT = ['Let me see', ' what was asked', ' – näkö first.'];

export function messageId(seed: Seed): string {
  return `msg_01${letters(seed, 0, 22)}`;
}

export function answerMessages(script: Script, prompt: Prompt, steering: Steering, told: Told): Answer {
  if (prompt.stream) {
    return {
      kind: 'stream',
      headers: anthropicHeaders(script.seed, SSE_TYPE),
      events: eventsOf(script, steering.usage !== 'none', told),
      terminator: () => 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
      errorEvent: (fault, sent) => errorEvent('anthropic', fault, anthropicRequestId(script.seed), sent),
      comments: true,
    };
  }
  const usage = steering.usage === 'none' ? '' : `,"usage":${fullUsage(script)}`;
  if (usage !== '') tellAll(told, script.usage);
  const body =
    `{"model":"${escaped(script.model)}","id":"${messageId(script.seed)}","type":"message","role":"assistant",` +
    `"content":[${contentOf(script).join(',')}],${stopJson(script)},"container":null${usage}}`;
  return whole(200, anthropicHeaders(script.seed, JSON_TYPE), body);
}

function contentOf(script: Script): string[] {
  const { seed } = script;
  const blocks: string[] = [];
  if (script.usage.reasoning > 0) {
    blocks.push(`{"type":"thinking","thinking":"${escaped(THOUGHT.join(''))}","signature":"${letters(seed, 2, 64)}"}`);
  }
  for (let i = 0; i < script.webSearches; i += 1) {
    blocks.push(
      `{"type":"server_tool_use","id":"srvtoolu_01${letters(seed, 50 + i, 22)}","name":"web_search","input":{"query":"tides"}}`,
      searchResult(seed, i),
    );
  }
  if (script.pieces.count > 0) blocks.push(`{"type":"text","text":"${wholeOf(script.pieces)}"}`);
  for (const call of script.calls) {
    blocks.push(
      `{"type":"tool_use","id":"toolu_01${call.id}","name":"${escaped(call.name)}","input":${call.arguments}}`,
    );
  }
  return blocks;
}

function searchResult(seed: Seed, index: number): string {
  const found = `{"type":"web_search_result","title":"Tides","url":"https://example.org/tides","encrypted_content":"${letters(seed, 3, 24)}","page_age":null}`;
  return `{"type":"web_search_tool_result","tool_use_id":"srvtoolu_01${letters(seed, 50 + index, 22)}","content":[${found}]}`;
}

function stopReason(stop: StopReason): string {
  switch (stop) {
    case 'length':
      return 'max_tokens';
    case 'tool_use':
    case 'refusal':
      return stop;
    case 'content_filter':
      return 'refusal';
    case 'pause':
      return 'pause_turn';
    default:
      return 'end_turn';
  }
}

function stopJson(script: Script): string {
  const reason = stopReason(script.stop);
  const details = reason === 'refusal' ? '{"type":"refusal","category":"cyber","explanation":null}' : 'null';
  return `"stop_reason":"${reason}","stop_sequence":null,"stop_details":${details}`;
}

function inputJson(usage: Usage): string {
  const written = usage.cache_write_5m + usage.cache_write_1h;
  return `"input_tokens":${usage.input_uncached},"cache_creation_input_tokens":${written},"cache_read_input_tokens":${usage.cache_read}`;
}

function detailsJson(script: Script): string {
  const thinking = script.usage.reasoning;
  const searches = script.webSearches;
  return (
    (thinking > 0 ? `,"output_tokens_details":{"thinking_tokens":${thinking}}` : '') +
    (searches > 0 ? `,"server_tool_use":{"web_search_requests":${searches},"web_fetch_requests":0}` : '')
  );
}

/** The whole usage object of a unary answer. */
function fullUsage(script: Script): string {
  const { usage } = script;
  return `{${startUsage(script, usage, usage.output + usage.reasoning)}${detailsJson(script)}}`;
}

/** The members that `message_start` has: the split of cache writes stands only here in a stream. */
function startUsage(script: Script, usage: Usage, outputTokens: number): string {
  const speed = script.speed === undefined ? '' : `,"speed":"${escaped(script.speed)}"`;
  return (
    `${inputJson(usage)},"cache_creation":{"ephemeral_5m_input_tokens":${usage.cache_write_5m},` +
    `"ephemeral_1h_input_tokens":${usage.cache_write_1h}},"output_tokens":${outputTokens},` +
    `"service_tier":"${escaped(script.tier ?? 'standard')}"${speed},"inference_geo":"global"`
  );
}

/** What a search finds becomes input later: the closing delta then says more than `message_start`. */
function usageAtStart(script: Script): Usage {
  const { usage } = script;
  const input = script.webSearches > 0 ? Math.ceil(usage.input_uncached / 4) : usage.input_uncached;
  return { ...usage, input_uncached: input, output: Math.min(FIRST_OUTPUT, usage.output), reasoning: 0 };
}

function event(name: string, data: string): string {
  return `event: ${name}\ndata: {"type":"${name}"${data}}\n\n`;
}

function opened(index: number, block: string): string {
  return event('content_block_start', `,"index":${index},"content_block":${block}`);
}

function closed(index: number): string {
  return event('content_block_stop', `,"index":${index}`);
}

function* eventsOf(script: Script, tells: boolean, told: Told): Generator<string> {
  const { seed, pieces, usage } = script;
  const known = usageAtStart(script);
  const start = tells ? `,"usage":{${startUsage(script, known, known.output)}}` : '';
  if (tells) {
    told.usage = known;
    told.state = 'partial';
  }
  yield event(
    'message_start',
    `,"message":{"model":"${escaped(script.model)}","id":"${messageId(seed)}","type":"message","role":"assistant",` +
      `"content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"container":null${start}}`,
  );
  let index = 0;
  if (usage.reasoning > 0) {
    yield* thinking(seed, index);
    index += 1;
  }
  for (let i = 0; i < script.webSearches; i += 1) {
    yield* search(seed, index, i);
    index += 2;
  }
  if (pieces.count > 0) {
    yield opened(index, '{"type":"text","text":""}');
    yield event('ping', '');
    const before = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":"text_delta","text":"`;
    for (let i = 0; i < pieces.count; i += 1) yield `${before}${pieces.piece(i)}"}}\n\n`;
    yield closed(index);
    index += 1;
  }
  for (const call of script.calls) {
    yield* toolUse(
      index,
      `{"type":"tool_use","id":"toolu_01${call.id}","name":"${escaped(call.name)}","input":{}}`,
      call.arguments,
    );
    index += 1;
  }
  if (tells) tellAll(told, usage);
  const totals = `{${inputJson(usage)},"output_tokens":${usage.output + usage.reasoning}${detailsJson(script)}}`;
  yield event('message_delta', `,"delta":{${stopJson(script)}}${tells ? `,"usage":${totals}` : ''}`);
}

function* thinking(seed: Seed, index: number): Generator<string> {
  yield opened(index, '{"type":"thinking","thinking":"","signature":""}');
  for (const thought of THOUGHT) {
    yield event(
      'content_block_delta',
      `,"index":${index},"delta":{"type":"thinking_delta","thinking":"${escaped(thought)}"}`,
    );
  }
  const signature = letters(seed, 2, 64);
  yield event('content_block_delta', `,"index":${index},"delta":{"type":"signature_delta","signature":"${signature}"}`);
  yield closed(index);
}

function* search(seed: Seed, index: number, number: number): Generator<string> {
  const block = `{"type":"server_tool_use","id":"srvtoolu_01${letters(seed, 50 + number, 22)}","name":"web_search","input":{}}`;
  yield* toolUse(index, block, '{"query":"tides"}');
  yield opened(index + 1, searchResult(seed, number));
  yield closed(index + 1);
}

/** The first fragment is empty, as the real API's is. */
function* toolUse(index: number, block: string, json: string): Generator<string> {
  yield opened(index, block);
  for (const part of ['', ...fragmentsOf(json)]) {
    const delta = `{"type":"input_json_delta","partial_json":${JSON.stringify(part)}}`;
    yield event('content_block_delta', `,"index":${index},"delta":${delta}`);
  }
  yield closed(index);
}
