import { describe, expect, test } from 'vitest';
import { APIS } from '../../src/contract/api.ts';
import type { Api } from '../../src/contract/api.ts';
import { matchEndpoint, pathWithModel, protocolFor } from '../../src/protocols/registry.ts';
import type { Endpoint } from '../../src/protocols/registry.ts';
import { vertexPathAt } from '../../src/protocols/vertex/path.ts';

/** `POST /path?query`, with headers by lower-case name. */
function match(line: string, headers: Record<string, string> = {}): Endpoint {
  const [method = '', target = ''] = line.split(' ');
  const at = target.indexOf('?');
  const path = at < 0 ? target : target.slice(0, at);
  return matchEndpoint(method, path, at < 0 ? '' : target.slice(at + 1), (name) => headers[name]);
}

describe('paths whose model is in the body', () => {
  test.each<[string, Api, string, string]>([
    ['/v1/chat/completions', 'openai_chat', 'openai', '/v1/chat/completions'],
    ['/chat/completions', 'openai_chat', 'openai', '/chat/completions'],
    ['/v1/embeddings', 'openai_embeddings', 'openai', '/v1/embeddings'],
    ['/v1/images/generations', 'openai_images', 'openai', '/v1/images/generations'],
    ['/v1/images/edits', 'openai_images', 'openai', '/v1/images/edits'],
    ['/v1/images/variations', 'openai_images', 'openai', '/v1/images/variations'],
    ['/v1/audio/transcriptions', 'openai_transcriptions', 'openai', '/v1/audio/transcriptions'],
    ['/v1/audio/translations', 'openai_transcriptions', 'openai', '/v1/audio/translations'],
    ['/v1/audio/speech', 'openai_speech', 'openai', '/v1/audio/speech'],
    ['/v1/completions', 'openai_text_completions', 'openai', '/v1/completions'],
    ['/v1/moderations', 'openai_moderations', 'openai', '/v1/moderations'],
    ['/v1/rerank', 'rerank', 'openai', '/v1/rerank'],
    ['/v2/rerank', 'rerank', 'openai', '/v2/rerank'],
    ['/rerank', 'rerank', 'openai', '/rerank'],
    ['/v1/responses', 'openai_responses', 'openai_responses', '/v1/responses'],
    ['/v1/responses?beta=true', 'openai_responses', 'openai_responses', '/v1/responses'],
    ['/codex/responses', 'openai_responses', 'openai_responses', '/responses'],
    ['/v1/responses/compact', 'openai_responses_compact', 'openai_responses', '/v1/responses/compact'],
    ['/v1/responses/input_tokens', 'openai_responses_input_tokens', 'openai_responses', '/v1/responses/input_tokens'],
    ['/v1/messages', 'anthropic_messages', 'anthropic', '/v1/messages'],
    // Failure mode 24: the query is none of the match's business.
    ['/v1/messages?beta=true', 'anthropic_messages', 'anthropic', '/v1/messages'],
    ['/v1/messages/count_tokens?beta=true', 'anthropic_count_tokens', 'anthropic', '/v1/messages/count_tokens'],
  ])('POST %s is %s', (target, api, dialect, upstreamPath) => {
    const endpoint = match(`POST ${target}`);
    expect(endpoint).toMatchObject({ kind: 'exchange', dialect, modelIn: 'body', upstreamPath });
    expect(endpoint.kind === 'exchange' ? endpoint.protocol.api : '').toBe(api);
    expect(endpoint).not.toHaveProperty('model');
    expect(endpoint).not.toHaveProperty('stream');
  });
});

describe('paths that name a stored response', () => {
  test.each<[string, Api, string, boolean]>([
    ['GET /v1/responses/resp_1', 'openai_responses_stored', '/v1/responses/resp_1', false],
    ['GET /v1/responses/resp_1?stream=true&starting_after=4', 'openai_responses_stored', '/v1/responses/resp_1', true],
    ['POST /v1/responses/resp_1/cancel', 'openai_responses_stored', '/v1/responses/resp_1/cancel', false],
    ['DELETE /v1/responses/resp_1', 'openai_responses_side', '/v1/responses/resp_1', false],
    ['GET /v1/responses/resp_1/input_items', 'openai_responses_side', '/v1/responses/resp_1/input_items', false],
    ['GET /codex/responses/resp_1', 'openai_responses_stored', '/responses/resp_1', false],
    ['POST /codex/responses/resp_1/cancel', 'openai_responses_stored', '/responses/resp_1/cancel', false],
  ])('%s', (line, api, upstreamPath, stream) => {
    const endpoint = match(line);
    expect(endpoint).toMatchObject({
      kind: 'exchange',
      dialect: 'openai_responses',
      modelIn: 'response',
      responseId: 'resp_1',
      upstreamPath,
      stream,
    });
    expect(endpoint.kind === 'exchange' ? endpoint.protocol.api : '').toBe(api);
    expect(endpoint).not.toHaveProperty('model');
  });
});

describe("Gemini's paths", () => {
  test.each<[string, Api, string, boolean]>([
    ['/v1beta/models/gemini-3-pro:generateContent', 'gemini_generate_content', 'gemini-3-pro', false],
    ['/v1/models/gemini-3-pro:generateContent', 'gemini_generate_content', 'gemini-3-pro', false],
    ['/v1alpha/models/gemini-3-pro:streamGenerateContent?alt=sse', 'gemini_generate_content', 'gemini-3-pro', true],
    ['/v1beta/models/gemini-3-pro%3AgenerateContent', 'gemini_generate_content', 'gemini-3-pro', false],
    ['/v1beta/models/gemini-3-pro%3astreamGenerateContent', 'gemini_generate_content', 'gemini-3-pro', true],
    ['/v1beta/models/g%65mini-3:generateContent', 'gemini_generate_content', 'gemini-3', false],
    ['/v1beta/models/a:b:generateContent', 'gemini_generate_content', 'a:b', false],
    ['/v1beta/models/google/gemini-3:generateContent', 'gemini_generate_content', 'google/gemini-3', false],
    ['/v1beta/tunedModels/mine:generateContent', 'gemini_generate_content', 'tunedModels/mine', false],
    ['/v1beta/models/gemini-3-pro:countTokens', 'gemini_count_tokens', 'gemini-3-pro', false],
    ['/v1/models/gemini-embedding-001:embedContent', 'gemini_embed_content', 'gemini-embedding-001', false],
    ['/v1beta/models/gemini-embedding-001:batchEmbedContents', 'gemini_embed_content', 'gemini-embedding-001', false],
  ])('POST %s is %s of %s', (target, api, model, stream) => {
    const endpoint = match(`POST ${target}`);
    const upstreamPath = target.split('?')[0];
    expect(endpoint).toMatchObject({
      kind: 'exchange',
      dialect: 'google',
      modelIn: 'path',
      model,
      stream,
      upstreamPath,
    });
    expect(endpoint.kind === 'exchange' ? endpoint.protocol.api : '').toBe(api);
  });

  test.each([
    '/v1beta/models/x:predict',
    '/v1beta/models/x:asyncBatchEmbedContent',
    '/v1beta/models/x:generatecontent',
    '/v1beta/models/x:generateContent/',
    '/v1beta/models/x%ff:generateContent',
    '/v1beta/models/x%C2%85:generateContent',
    `/v1beta/models/${'x'.repeat(257)}:generateContent`,
  ])('POST %s is unknown', (target) => {
    expect(match(`POST ${target}`)).toEqual({ kind: 'unknown', dialect: 'google' });
  });

  test('another name goes into the path in place of the first', () => {
    expect(pathWithModel('/v1beta/models/google/gemini-3:generateContent', 'gemini-3')).toBe(
      '/v1beta/models/gemini-3:generateContent',
    );
    expect(pathWithModel('/v1/models/x%3AcountTokens', 'ü/b c')).toBe('/v1/models/%C3%BC/b%20c%3AcountTokens');
    expect(pathWithModel('/v1beta/tunedModels/a:generateContent', 'tunedModels/b')).toBe(
      '/v1beta/tunedModels/b:generateContent',
    );
    expect(pathWithModel('/v1/messages', 'x')).toBe('/v1/messages');
  });
});

describe("Vertex' paths", () => {
  const AT = '/projects/p-1/locations/us-east5';
  test.each<[string, Api, string | undefined, boolean | undefined, string]>([
    [
      `/v1${AT}/publishers/google/models/gemini-3-pro:generateContent`,
      'google_generate_content',
      'gemini-3-pro',
      false,
      '/v1/publishers/google/models/gemini-3-pro:generateContent',
    ],
    [
      `/v1beta1${AT}/publishers/google/models/gemini-3-pro%3AstreamGenerateContent?alt=sse`,
      'google_generate_content',
      'gemini-3-pro',
      true,
      '/v1beta1/publishers/google/models/gemini-3-pro%3AstreamGenerateContent',
    ],
    // Express mode.
    [
      '/v1beta1/publishers/google/models/gemini-3-pro:countTokens',
      'google_count_tokens',
      'gemini-3-pro',
      false,
      '/v1beta1/publishers/google/models/gemini-3-pro:countTokens',
    ],
    // Base URLs without a version.
    [
      `${AT}/publishers/anthropic/models/claude-haiku-4-5%4020251001:streamRawPredict`,
      'google_raw_predict',
      'claude-haiku-4-5@20251001',
      true,
      '/v1/publishers/anthropic/models/claude-haiku-4-5%4020251001:streamRawPredict',
    ],
    [
      `/v1${AT}/publishers/anthropic/models/vertex/claude-haiku-4-5:rawPredict`,
      'google_raw_predict',
      'vertex/claude-haiku-4-5',
      false,
      '/v1/publishers/anthropic/models/vertex/claude-haiku-4-5:rawPredict',
    ],
    [
      `/v1${AT}/publishers/anthropic/models/count-tokens:rawPredict`,
      'google_raw_count_tokens',
      undefined,
      undefined,
      '/v1/publishers/anthropic/models/count-tokens:rawPredict',
    ],
  ])('POST %s is %s of %s', (target, api, model, stream, upstreamPath) => {
    const endpoint = match(`POST ${target}`);
    expect(endpoint).toMatchObject({ kind: 'exchange', modelIn: model === undefined ? 'body' : 'path', upstreamPath });
    if (endpoint.kind !== 'exchange') throw new Error(endpoint.kind);
    expect([endpoint.protocol.api, endpoint.model, endpoint.stream]).toEqual([api, model, stream]);
    expect(match(`GET ${target}`)).toMatchObject({ kind: 'wrong_method', allow: 'POST' });
  });

  test.each([
    `/v1${AT}/publishers/google/models/imagen-4:predict`,
    `/v1${AT}/publishers/google/models/gemini-3:rawPredict`,
    `/v1${AT}/publishers/anthropic/models/claude:generateContent`,
    `/v1${AT}/publishers/mistralai/models/m:rawPredict`,
    `/v1${AT}/endpoints/openapi/chat/completions`,
    `/v1${AT}/publishers/google/models/x%ff:generateContent`,
  ])('POST %s is unknown', (target) => {
    expect(match(`POST ${target}`)).toEqual({ kind: 'unknown', dialect: 'google' });
  });

  test.each([
    `/v1${AT}/../../publishers/google/models/m:generateContent`,
    `/v1/projects/p%2Fq/locations/l/publishers/google/models/m:generateContent`,
    `/v1/projects//locations/l/publishers/google/models/m:generateContent`,
    `/v1${AT}/publishers/google/models/../m:generateContent`,
  ])('POST %s is nothing', (target) => {
    expect(match(`POST ${target}`).kind).toBe('unknown');
  });

  test('another name goes into the path, and the place of the config', () => {
    const path = '/v1/publishers/anthropic/models/vertex/claude:streamRawPredict';
    const named = pathWithModel(path, 'claude@1');
    expect(named).toBe('/v1/publishers/anthropic/models/claude%401:streamRawPredict');
    expect(vertexPathAt(named, { project: 'mine', location: 'global' })).toBe(
      '/v1/projects/mine/locations/global/publishers/anthropic/models/claude%401:streamRawPredict',
    );
    expect(vertexPathAt('/v1/chat/completions', { project: 'mine', location: 'global' })).toBe('/v1/chat/completions');
  });
});

describe("Bedrock's paths", () => {
  const ARN = 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-6';
  test.each<[string, Api, string, boolean, string]>([
    ['/model/m/converse', 'bedrock_converse', 'm', false, '/model/m/converse'],
    ['/bedrock/model/m/converse', 'bedrock_converse', 'm', false, '/model/m/converse'],
    ['/model/m/converse-stream', 'bedrock_converse', 'm', true, '/model/m/converse-stream'],
    ['/model/amazon.nova-lite-v1%3A0/invoke', 'bedrock_model_invoke', 'amazon.nova-lite-v1:0', false, ''],
    ['/model/amazon.nova-lite-v1:0/invoke', 'bedrock_model_invoke', 'amazon.nova-lite-v1:0', false, ''],
    [
      '/bedrock/model/m/invoke-with-response-stream',
      'bedrock_model_invoke',
      'm',
      true,
      '/model/m/invoke-with-response-stream',
    ],
    ['/model/m/count-tokens', 'bedrock_count_tokens', 'm', false, ''],
    [`/model/${encodeURIComponent(ARN)}/converse`, 'bedrock_converse', ARN, false, ''],
    [`/model/${ARN}/converse`, 'bedrock_converse', ARN, false, ''],
    ['/model/aws/amazon.nova-lite-v1%3A0/converse', 'bedrock_converse', 'aws/amazon.nova-lite-v1:0', false, ''],
  ])('POST %s', (target, api, model, stream, upstreamPath) => {
    const endpoint = match(`POST ${target}`);
    // As the client wrote it.
    const upstream = upstreamPath === '' ? target : upstreamPath;
    expect(endpoint).toMatchObject({
      kind: 'exchange',
      dialect: 'aws',
      modelIn: 'path',
      model,
      stream,
      upstreamPath: upstream,
    });
    expect(endpoint.kind === 'exchange' ? endpoint.protocol.api : '').toBe(api);
  });

  test('another name goes into the path as the SDK writes it', () => {
    expect(pathWithModel('/model/aws/x/converse', 'amazon.nova-lite-v1:0')).toBe(
      '/model/amazon.nova-lite-v1%3A0/converse',
    );
    expect(pathWithModel('/model/aws%2Fx/invoke', ARN)).toBe(`/model/${encodeURIComponent(ARN)}/invoke`);
  });
});

describe('model lists', () => {
  test.each<[string, Record<string, string>, string]>([
    ['/v1/models', {}, 'openai'],
    ['/v1/models?limit=1000', { 'anthropic-version': '2023-06-01' }, 'anthropic'],
    ['/v1/models', { 'x-goog-api-key': 'k' }, 'google'],
    ['/v1/models', { 'x-goog-api-client': 'genai-js/3' }, 'google'],
    ['/v1/models?key=k', {}, 'google'],
    ['/v1/models?pageSize=5&key=k', {}, 'google'],
    ['/v1/models?monkey=k', {}, 'openai'],
    ['/v1beta/models', {}, 'google'],
    ['/v1alpha/models?pageSize=1', { 'anthropic-version': 'x' }, 'google'],
  ])('GET %s with %j speaks %s', (target, headers, dialect) => {
    expect(match(`GET ${target}`, headers)).toEqual({ kind: 'models', dialect });
  });

  test.each<[string, Record<string, string>, string, string]>([
    ['/v1/models/gpt-5', {}, 'openai', 'gpt-5'],
    ['/v1/models/openrouter/qwen/qwen3', {}, 'openai', 'openrouter/qwen/qwen3'],
    ['/v1/models/ft:gpt-4o:org', {}, 'openai', 'ft:gpt-4o:org'],
    ['/v1/models/a%20b', { 'anthropic-version': '2023-06-01' }, 'anthropic', 'a b'],
    ['/v1beta/models/gemini-3', {}, 'google', 'gemini-3'],
  ])('GET %s with %j is one model', (target, headers, dialect, id) => {
    expect(match(`GET ${target}`, headers)).toEqual({ kind: 'model', dialect, id });
  });
});

describe('wrong methods and upgrades', () => {
  test.each([
    ['GET /v1/chat/completions', 'POST', 'openai'],
    ['PUT /v1/messages', 'POST', 'anthropic'],
    ['GET /v1/responses', 'POST', 'openai_responses'],
    ['OPTIONS /v1/messages', 'POST', 'anthropic'],
    ['POST /v1/responses/resp_1', 'GET, DELETE', 'openai_responses'],
    ['GET /v1/responses/resp_1/cancel', 'POST', 'openai_responses'],
    ['DELETE /v1/responses/resp_1/input_items', 'GET', 'openai_responses'],
    ['GET /v1/responses/compact', 'POST', 'openai_responses'],
    ['post /v1/messages', 'POST', 'anthropic'],
    ['GET /v1beta/models/x:generateContent', 'POST', 'google'],
    ['GET /model/m/converse', 'POST', 'aws'],
    ['PUT /bedrock/model/m/invoke', 'POST', 'aws'],
    ['POST /v1/models', 'GET', 'openai'],
    ['POST /v1beta/models/:generateContent', 'GET', 'google'],
    ['DELETE /v1/models/ft:gpt-4o:org', 'GET', 'openai'],
  ])('%s takes %s only', (line, allow, dialect) => {
    expect(match(line)).toEqual({ kind: 'wrong_method', allow, dialect });
  });

  test("failure mode 31: Codex's socket is one of turns, in both its paths; elsewhere it is refused as an upgrade", () => {
    const headers = { upgrade: 'WebSocket', connection: 'Upgrade', 'openai-beta': 'responses_websockets=2026-02-06' };
    const turns = { kind: 'socket', of: 'turns', dialect: 'openai_responses' };
    expect(match('GET /v1/responses', headers)).toMatchObject({ ...turns, upstreamPath: '/v1/responses' });
    expect(match('GET /codex/responses', headers)).toMatchObject({ ...turns, upstreamPath: '/responses' });
    expect(match('GET /v1/realtime', headers)).toMatchObject({ kind: 'socket', of: 'session' });
    expect(match('GET /v1/chat/completions', headers)).toEqual({ kind: 'upgrade', dialect: 'openai' });
    expect(match('GET /v1/realtime')).toMatchObject({ kind: 'unknown' });
    expect(match('GET /v1/responses', { upgrade: 'h2c' })).toMatchObject({ kind: 'wrong_method' });
  });
});

describe('no other spelling of a path', () => {
  test.each([
    '/v1//messages',
    '//v1/messages',
    '/v1/messages/',
    '/v1/./messages',
    '/v1/x/../messages',
    '/v1/%2e%2E/v1/messages',
    '/v1/.%2e/messages',
    '/v1%2Fmessages',
    '/v1/mess%61ges',
    '/V1/messages',
    '/v1/messages%00',
    '/v1/messages;x=1',
    '/v1\\messages',
    '/v1/messages#x',
    'v1/messages',
    'http://host/v1/messages',
    '*',
    '',
    '/responses',
    '/anthropic/v1/messages',
    '/openai/v1/chat/completions',
    '/v1beta/models/a%2Fb:generateContent',
    '/v1beta/models/a%5cb:generateContent',
    '/v1beta/models/../x:generateContent',
    '/v1beta/models/x/..:generateContent/..',
    '/v1beta/models/a%252Fb:generateContent',
    '/v1beta/models/a//b:generateContent',
    '/v1beta/models/a%0ab:generateContent',
    '/v1beta/models/a%zz:generateContent',
    '/v1/models/..',
    '/v1/models/%2e%2e/x',
  ])('%s is unknown, by POST and GET', (path) => {
    for (const method of ['POST', 'GET']) {
      expect(matchEndpoint(method, path, '', () => undefined).kind).toBe('unknown');
    }
  });

  test.each<[string, Record<string, string>, string]>([
    ['/v1/nothing', {}, 'openai'],
    ['/openai/v1/chat/completions', {}, 'openai'],
    ['/v1/messages/others', {}, 'anthropic'],
    ['/anthropic/v1/messages', {}, 'anthropic'],
    ['/v1/responses/resp_1/output', {}, 'openai_responses'],
    ['/v1/responses/r%20s', {}, 'openai_responses'],
    [`/v1/responses/${'r'.repeat(257)}`, {}, 'openai_responses'],
    ['/codex/x', {}, 'openai_responses'],
    ['/v1beta/corpora', {}, 'google'],
    ['/v1/projects/p/locations/l', {}, 'google'],
    ['/bedrock/x', {}, 'aws'],
    ['/model/x', {}, 'aws'],
    ['/model/x/invoke-with-bidirectional-stream', {}, 'aws'],
    ['/bedrock/model/x/invoke-with-bidirectional-stream', { 'anthropic-version': '2023-06-01' }, 'aws'],
    ['/model/x%20y/converse', {}, 'aws'],
    ['/model/%2e%2e/converse', {}, 'aws'],
    ['/model/a%2F..%2Fb/converse', {}, 'aws'],
    ['/model/a//b/converse', {}, 'aws'],
    ['/model/a%252Fb/converse', {}, 'aws'],
    ['/model/a%FF/converse', {}, 'aws'],
    [`/model/${'m'.repeat(257)}/converse`, {}, 'aws'],
    ['/model//converse', {}, 'aws'],
    ['/guardrail/g/version/1/apply', {}, 'aws'],
    ['/async-invoke', {}, 'aws'],
    ['/inference-profiles', {}, 'aws'],
    ['/foundation-models', {}, 'aws'],
    ['/models', {}, 'plain'],
    ['/favicon.ico', {}, 'plain'],
    ['/x', { 'anthropic-version': '2023-06-01' }, 'anthropic'],
    ['/v1/x', { 'x-goog-api-key': 'k' }, 'google'],
    ['/v1/x', { 'x-goog-api-client': 'genai-js' }, 'google'],
  ])('%s with %j is answered in %s', (path, headers, dialect) => {
    expect(match(`GET ${path}`, headers)).toEqual({ kind: 'unknown', dialect });
  });
});

test('each API has its protocol', () => {
  for (const api of APIS) expect(protocolFor(api).api).toBe(api);
});
