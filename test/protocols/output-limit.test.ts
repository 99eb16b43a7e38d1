import { describe, expect, test } from 'vitest';
import type { Api } from '../../src/contract/api.ts';
import type { InputReach, OutputLimit } from '../../src/contract/output-limit.ts';
import { NO_FIELDS, scanBody } from '../../src/protocols/body-scan.ts';
import { outputLimitOf } from '../../src/protocols/output-limit.ts';
import { utf8 } from './chunks.ts';

function limitOf(api: Api, body: string | Record<string, unknown>): OutputLimit {
  const bytes = utf8(typeof body === 'string' ? body : JSON.stringify(body));
  const scanned = scanBody(api, bytes);
  if (!scanned.ok) throw new Error(`refused: ${JSON.stringify(scanned.fault)}`);
  return outputLimitOf(api, bytes, scanned.value);
}

const reachOf = (api: Api, body: string | Record<string, unknown>): InputReach => limitOf(api, body).input();

describe('the most that one answer may have', () => {
  test.each<[Api, string, number | undefined]>([
    ['openai_chat', '{"max_tokens":100}', 100],
    ['openai_chat', '{"max_completion_tokens": 64 }', 64],
    // Servers differ in which of the two they obey.
    ['openai_chat', '{"max_tokens":100,"max_completion_tokens":64}', 100],
    ['openai_chat', '{"max_tokens":null,"max_completion_tokens":64}', 64],
    ['openai_chat', '{"max_output_tokens":5}', undefined],
    ['openai_chat', '{}', undefined],
    ['openai_chat', '{"messages":[{"max_tokens":5}]}', undefined],
    ['openai_chat', '{"max_tokens":1e3}', 1000],
    ['openai_chat', '{"max_tokens":-1}', undefined],
    ['openai_chat', '{"max_tokens":0}', undefined],
    ['openai_chat', '{"max_tokens":1.5}', undefined],
    ['openai_chat', '{"max_tokens":1e400}', undefined],
    ['openai_chat', '{"max_tokens":"5"}', undefined],
    ['openai_chat', '{"max_tokens":"5","max_completion_tokens":64}', undefined],
    ['openai_chat', '{"max_tokens":{"max_tokens":5}}', undefined],
    ['openai_chat', `{"max_tokens":5.${'0'.repeat(40)}}`, undefined],
    ['openai_chat', '{"\\u006dax_tokens":7}', 7],
    ['openai_responses', '{"max_output_tokens":1024,"max_tokens":5}', 1024],
    ['openai_responses', '{"max_tokens":5}', undefined],
    ['openai_responses_compact', '{"max_output_tokens":5}', undefined],
    ['anthropic_messages', '{"max_tokens":4096,"max_completion_tokens":9000}', 4096],
    ['google_raw_predict', '{"max_tokens":64}', 64],
    ['gemini_generate_content', '{"generationConfig":{"temperature":1,"maxOutputTokens":256}}', 256],
    ['gemini_generate_content', '{"generation_config":{"max_output_tokens":256}}', 256],
    // Nobody says which of them counts.
    ['gemini_generate_content', '{"generationConfig":{"maxOutputTokens":1,"max_output_tokens":9}}', 9],
    ['gemini_generate_content', '{"generationConfig":{"maxOutputTokens":9,"maxOutputTokens":1}}', 9],
    ['gemini_generate_content', '{"generationConfig":{"maxOutputTokens":"9"}}', undefined],
    ['gemini_generate_content', '{"generationConfig":{"responseSchema":{"maxOutputTokens":9}}}', undefined],
    ['gemini_generate_content', '{"generationConfig":null}', undefined],
    ['gemini_generate_content', '{"max_tokens":9}', undefined],
    ['google_generate_content', '{"generationConfig":{"maxOutputTokens":256}}', 256],
    ['bedrock_converse', '{"inferenceConfig":{"maxTokens":256,"temperature":1}}', 256],
    ['bedrock_converse', '{"max_tokens":9}', undefined],
    ['bedrock_converse', '{"inferenceConfig":{"maxTokens":9,"maxTokens":1}}', 9],
    ['bedrock_converse', '{"inferenceConfig":null}', undefined],
    // The vendor's own word may be the one that counts.
    [
      'bedrock_converse',
      '{"inferenceConfig":{"maxTokens":9},"additionalModelRequestFields":{"max_tokens":90}}',
      undefined,
    ],
    [
      'bedrock_converse',
      '{"inferenceConfig":{"maxTokens":9},"additionalModelRequestFields":{"thinking":{"budget_tokens":5}}}',
      9,
    ],
    ['bedrock_model_invoke', '{"anthropic_version":"bedrock-2023-05-31","max_tokens":64}', 64],
    ['bedrock_model_invoke', '{"prompt":"hi","max_gen_len":20}', 20],
    ['bedrock_model_invoke', '{"prompt":"hi","max_tokens_to_sample":30}', 30],
    ['bedrock_model_invoke', '{"inferenceConfig":{"max_new_tokens":40}}', 40],
    ['bedrock_model_invoke', '{"textGenerationConfig":{"maxTokenCount":50}}', 50],
    ['bedrock_model_invoke', '{"max_tokens":64,"max_gen_len":"5"}', undefined],
    ['bedrock_model_invoke', '{"inputText":"hi","dimensions":256}', 0],
    ['bedrock_model_invoke', '{"prompt":"hi","dimensions":256}', undefined],
    // Titan writes as well as it embeds.
    ['bedrock_model_invoke', '{"inputText":"hi"}', undefined],
    ['openai_embeddings', '{"max_tokens":9}', 0],
    ['openai_text_completions', '{"max_tokens":9}', 9],
    // OpenAI writes 16 then, and llama.cpp without end.
    ['openai_text_completions', '{"prompt":"a"}', undefined],
    ['openai_text_completions', '{"max_completion_tokens":9}', undefined],
    ['openai_moderations', '{"input":"a"}', 0],
    ['rerank', '{"max_tokens":9}', 0],
    ['gemini_embed_content', '{}', 0],
  ])('%s %s: %s', (api, body, most) => {
    expect(limitOf(api, body).maxOutputTokens).toBe(most);
  });

  test('a limit behind a schema that is too large to walk is not read, and eight candidates are assumed', () => {
    const generationConfig = { responseSchema: 'x'.repeat(70_000), maxOutputTokens: 5 };
    expect(limitOf('gemini_generate_content', { generationConfig })).toMatchObject({
      maxOutputTokens: undefined,
      answers: 8,
    });
  });
});

test.each<[Api, string, number]>([
  ['openai_chat', '{"n":3}', 3],
  ['openai_chat', '{"n":null}', 1],
  ['openai_chat', '{"n":0}', 1],
  ['openai_chat', '{"n":-2}', 1],
  ['openai_chat', '{"n":2.5}', 3],
  ['openai_chat', '{"n":"4"}', 4],
  ['openai_chat', '{"n":"many"}', 1],
  ['openai_chat', '{"n":1e400}', 1_000_000],
  ['openai_chat', '{"n":[2]}', 1],
  ['openai_responses', '{"n":3}', 1],
  ['openai_chat', '{"best_of":3}', 1],
  ['openai_text_completions', '{"n":2,"best_of":5}', 5],
  ['openai_text_completions', '{"n":3}', 3],
  ['openai_text_completions', '{"prompt":"a","n":2}', 2],
  ['openai_text_completions', '{"prompt":["a","b,]","c"],"n":2}', 6],
  ['openai_text_completions', '{"prompt":[ [1,2],[3] ]}', 2],
  ['openai_text_completions', '{"prompt":[1,2,3]}', 1],
  ['openai_text_completions', '{"prompt":[]}', 1],
  ['openai_text_completions', `{"prompt":["${'x'.repeat(300_000)}"]}`, 100_002],
  ['openai_text_completions', '{"prompt":["a","b"],"n":1000000}', 1_000_000],
  ['anthropic_messages', '{"max_tokens":1,"n":3}', 1],
  ['gemini_generate_content', '{"generationConfig":{"candidateCount":2}}', 2],
  ['gemini_generate_content', '{"generationConfig":{"candidateCount":1,"candidate_count":4}}', 4],
  ['gemini_generate_content', '{}', 1],
])('answers at once: %s %s: %d', (api, body, answers) => {
  expect(limitOf(api, body).answers).toBe(answers);
});

test.each([
  ['{"Max_tokens":5}', 'Max_tokens'],
  ['{"N":5}', 'N'],
  ['{"MAX_OUTPUT_TOKENS":5}', 'MAX_OUTPUT_TOKENS'],
  ['{"GenerationConfig":{}}', 'GenerationConfig'],
])('a spelling that only some providers read is refused: %s', (body, field) => {
  expect(scanBody('openai_chat', utf8(body))).toMatchObject({ ok: false, fault: { code: 'body_bad_field', field } });
});

test.each([
  'search_parameters',
  'context_management',
  'mcp_servers',
  'container',
  'thread',
  'previous_message_id',
  'prompt',
  'preset',
  'extra_body',
])('what decides money is refused when it stands there twice: %s', (key) => {
  expect(scanBody('openai_responses', utf8(`{"${key}":null,"${key}":{}}`))).toMatchObject({
    ok: false,
    fault: { code: 'body_duplicate_key', key },
  });
});

test.each<Api>([
  'openai_responses_input_tokens',
  'openai_responses_stored',
  'openai_responses_side',
  'anthropic_count_tokens',
  'gemini_count_tokens',
])('%s is not billed', (api) => {
  expect(outputLimitOf(api, new Uint8Array(0), NO_FIELDS).billed).toBe(false);
});

test('everything else is billed, by the bytes that were decoded', () => {
  expect(limitOf('openai_chat', '{"model":"é"}')).toMatchObject({ billed: true, bodyBytes: 14, manyInputs: false });
  expect(limitOf('openai_embeddings', '{}')).toMatchObject({ billed: true, manyInputs: true });
  expect(limitOf('openai_text_completions', '{"prompt":["a","b"]}')).toMatchObject({ manyInputs: true });
  expect(limitOf('openai_text_completions', '{"prompt":["a"]}')).toMatchObject({ manyInputs: false });
});

test('fast mode: where it is asked for, or where the provider may decide', () => {
  expect(limitOf('anthropic_messages', '{"max_tokens":1}').fast).toBe(false);
  expect(limitOf('anthropic_messages', '{"max_tokens":1,"speed":"fast"}').fast).toBe(true);
  expect(limitOf('openai_chat', '{}').fast).toBe(true);
});

describe('what bounds the input', () => {
  const MESSAGES = [{ role: 'user', content: 'image_url, "image" and inlineData are words' }];
  const FUNCTION = { type: 'function', function: { name: 'f', parameters: { properties: { image_url: {} } } } };

  test.each<[string, Api, string | Record<string, unknown>, number]>([
    ['a text', 'openai_chat', { messages: MESSAGES }, 512],
    ['functions', 'openai_chat', { messages: MESSAGES, tools: [FUNCTION] }, 4096],
    ['no tools', 'openai_chat', '{"tools":[ ]}', 512],
    ['members that say nothing', 'openai_chat', '{"tools":null,"plugins":[],"prompt":"","conversation":null}', 512],
    [
      'functions of Responses',
      'openai_responses',
      { input: 'x', tools: [{ type: 'function' }, { type: 'custom' }] },
      4096,
    ],
    [
      "Anthropic's tools that the client runs",
      'anthropic_messages',
      {
        messages: MESSAGES,
        tools: [
          { name: 'a', input_schema: { type: 'web_search' } },
          { type: 'custom', name: 'b' },
          { type: 'bash_20250124' },
          { type: 'text_editor_20250728' },
          { type: 'computer_20251124' },
          { type: 'memory_20250818' },
        ],
      },
      4096,
    ],
    [
      'edits that only take away',
      'anthropic_messages',
      { messages: MESSAGES, context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } },
      512,
    ],
    ['Gemini functions', 'gemini_generate_content', { contents: [], tools: [{ functionDeclarations: [{}] }] }, 4096],
    ['texts to embed', 'openai_embeddings', { input: ['a', [1, 2]] }, 512],
    ['a text that goes on', 'openai_text_completions', { prompt: 'image_url and "image_url"' }, 512],
    ['a text to moderate', 'openai_moderations', { input: 'a' }, 512],
    // The query with its quotes, and 16, for each document.
    ['texts to rank', 'rerank', { query: 'abcd', documents: ['a', 'b', 'c'] }, 3 * (6 + 16)],
    ['a text to embed', 'gemini_embed_content', { content: { parts: [{ text: 'inlineData is a word' }] } }, 512],
    [
      'a Converse text',
      'bedrock_converse',
      { messages: [{ role: 'user', content: [{ text: '"image" is a word' }] }] },
      512,
    ],
    [
      'Converse tools',
      'bedrock_converse',
      { messages: [], toolConfig: { tools: [{ toolSpec: { name: 'image' } }, { cachePoint: { type: 'default' } }] } },
      4096,
    ],
    ["Llama's prompt", 'bedrock_model_invoke', { prompt: 'hi' }, 512],
    ['encrypted reasoning', 'openai_responses', { input: [{ type: 'reasoning', encrypted_content: 'x' }] }, 512],
  ])('its bytes: %s', (_, api, body, moreTokens) => {
    expect(reachOf(api, body)).toEqual({ by: 'body', moreTokens });
  });

  const part = (type: string): Record<string, unknown> => ({ messages: [{ role: 'user', content: [{ type }] }] });
  const item = (type: string): Record<string, unknown> => ({ input: [{ type }] });
  const IMAGES = 'images, files or references';
  test.each<[string, Api, string | Record<string, unknown>, string]>([
    ['a chat image', 'openai_chat', part('image_url'), IMAGES],
    ['chat audio', 'openai_chat', part('input_audio'), IMAGES],
    ['a chat file', 'openai_chat', { messages: [{ content: [{ type: 'file', file: { file_id: 'f' } }] }] }, IMAGES],
    ['an image', 'openai_responses', item('input_image'), IMAGES],
    ['a file', 'openai_responses', item('input_file'), IMAGES],
    ['an item that is stored', 'openai_responses', item('item_reference'), IMAGES],
    ['stored reasoning', 'openai_responses', { input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] }, IMAGES],
    ['a screenshot', 'openai_responses', item('computer_screenshot'), IMAGES],
    ['an Anthropic image', 'anthropic_messages', part('image'), IMAGES],
    ['a document in the system prompt', 'anthropic_messages', { system: [{ type: 'document' }] }, IMAGES],
    ['a Vertex image', 'google_raw_predict', part('image'), IMAGES],
    ['Gemini data', 'gemini_generate_content', { contents: [{ parts: [{ inlineData: {} }] }] }, IMAGES],
    ['a Converse image', 'bedrock_converse', { messages: [{ content: [{ image: { format: 'png' } }] }] }, IMAGES],
    ['a Claude document on Bedrock', 'bedrock_model_invoke', part('document'), IMAGES],
    ['a Gemini file', 'google_generate_content', { contents: [{ parts: [{ file_data: {} }] }] }, IMAGES],
    ['an escaped letter', 'openai_chat', '{"messages":[{"content":[{"type":"\\u0069mage_url"}]}]}', IMAGES],
    ['a previous response', 'openai_responses', { previous_response_id: 'resp_1' }, 'a previous response'],
    ['a conversation', 'openai_responses', { conversation: { id: 'c' } }, 'a conversation'],
    ['a thread', 'anthropic_messages', { thread: 't' }, 'a thread'],
    ['cached content', 'gemini_generate_content', { cached_content: 'cachedContents/a' }, 'cached content'],
    ['a large body', 'openai_chat', { messages: 'x'.repeat(300_000) }, 'a body larger than is looked at'],
  ])("the model's window: %s", (_, api, body, why) => {
    expect(reachOf(api, body)).toEqual({ by: 'window', why });
  });

  const TOOLS = 'server tools';
  const tool = (value: unknown): Record<string, unknown> => ({ tools: [FUNCTION, value] });
  test.each<[string, Api, string | Record<string, unknown>, string]>([
    ['a search of Responses', 'openai_responses', tool({ type: 'web_search' }), TOOLS],
    ['an MCP server', 'openai_responses', tool({ type: 'mcp', server_url: 'x' }), TOOLS],
    ['a tool of tomorrow', 'openai_responses', tool({ type: 'telepathy' }), TOOLS],
    ['an escaped type', 'openai_responses', '{"tools":[{"\\u0074ype":"web_\\u0073earch"}]}', TOOLS],
    ['a type in another spelling', 'openai_chat', '{"tools":[{"type":"function","Type":"web_search"}]}', TOOLS],
    ['two types', 'openai_chat', '{"tools":[{"type":"web_search","type":"function"}]}', TOOLS],
    ['no object', 'openai_chat', '{"tools":["web_search"]}', TOOLS],
    ["Anthropic's search", 'anthropic_messages', tool({ type: 'web_search_20250305', name: 'web_search' }), TOOLS],
    ["Anthropic's code execution", 'anthropic_messages', { tools: [{ type: 'code_execution_20250825' }] }, TOOLS],
    ["Gemini's search", 'gemini_generate_content', { tools: [{ functionDeclarations: [], googleSearch: {} }] }, TOOLS],
    ["Gemini's code execution", 'gemini_generate_content', { tools: [{ codeExecution: {} }] }, TOOLS],
    ['no list of tools', 'openai_chat', '{"tools":{"type":"function"}}', 'tools that are no list'],
    ['very many tools', 'openai_chat', { tools: 'x'.repeat(300_000) }, 'more tools than are looked at'],
    ['web search options', 'openai_chat', '{"web_search_options":{}}', 'web search'],
    ['plugins', 'openai_chat', '{"plugins":[{"id":"web"}]}', 'plugins'],
    ['MCP servers', 'anthropic_messages', '{"mcp_servers":[{"url":"x"}]}', 'MCP servers'],
    ['a stored prompt', 'openai_responses', '{"prompt":{"id":"p"}}', 'a stored prompt'],
    [
      'compaction',
      'anthropic_messages',
      '{"context_management":{"edits":[{"type":"compact_20260112"}]}}',
      'compaction',
    ],
    ['compaction of OpenAI', 'openai_responses', '{"context_management":[{"type":"compaction"}]}', 'compaction'],
    ['edits with an escape', 'openai_responses', '{"context_management":[{"type":"\\u0063ompaction"}]}', 'compaction'],
    ['images to embed', 'gemini_embed_content', { content: { parts: [{ inlineData: {} }] } }, IMAGES],
    ['a prompt of Bedrock, by its ARN', 'bedrock_converse', '{}', 'a stored prompt'],
    ["a prompt's variables", 'bedrock_converse', '{"messages":[],"promptVariables":{"a":{}}}', 'a stored prompt'],
    [
      "Amazon's search",
      'bedrock_converse',
      '{"messages":[],"toolConfig":{"tools":[{"systemTool":{"name":"nova_grounding"}}]}}',
      TOOLS,
    ],
    [
      "the vendor's own tools",
      'bedrock_converse',
      '{"messages":[],"additionalModelRequestFields":{"tools":[{"type":"web_search_20250305"}]}}',
      'further members',
    ],
    ["Claude's search on Bedrock", 'bedrock_model_invoke', tool({ type: 'web_search_20250305' }), TOOLS],
  ])('nothing: %s', (_, api, body, why) => {
    expect(reachOf(api, body)).toEqual({ by: 'nothing', why });
  });

  test('white space and order do not matter', () => {
    const body = '{ "tools" : [ { "type" : "function" , "x" : [ ] } , null , { "y" : {} , "type" : "web_search" } ] }';
    expect(reachOf('openai_chat', body)).toEqual({ by: 'nothing', why: TOOLS });
    expect(reachOf('openai_chat', body.replace('web_search', 'custom'))).toEqual({ by: 'body', moreTokens: 4096 });
  });
});
