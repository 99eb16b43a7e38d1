import { describe, expect, test } from 'vitest';
import type { Api } from '../../../src/contract/api.ts';
import { textsOf } from '../../../src/guardrails/request/texts.ts';
import type { BodyText } from '../../../src/guardrails/request/texts.ts';
import { fixture, fixtureNames } from '../../protocols/fixtures.ts';
import { bodyOf, bytesOf, readTexts } from './support.ts';

const LONG_BASE64 = Buffer.from('an image of nothing at all, long enough to be one, at least for a test').toString(
  'base64',
);

/** What a body is read as: place, mark of a signature, text. */
function read(api: Api, value: unknown): string[] {
  const body = bodyOf(value);
  return readTexts(api, body).map((text) => `${text.place}${text.signed ? '!' : ''} ${textOf(body, text)}`);
}

function textOf(body: Uint8Array, { start, end, what }: BodyText): string {
  const raw = Buffer.from(body).toString('utf8', start, end);
  return what === 'number' ? raw : what === 'key' ? `${String(JSON.parse(raw))}:` : String(JSON.parse(raw));
}

describe('the places of texts', () => {
  test('in an OpenAI chat', () => {
    const texts = read('openai_chat', {
      model: 'gpt-5',
      messages: [
        { role: 'system', content: 'be brief' },
        {
          content: [
            { type: 'text', text: 'look at it' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${LONG_BASE64}`, detail: 'low' } },
          ],
          role: 'user',
          name: 'Ann',
        },
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'hm hm',
          tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":"b c"}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'it is done' },
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: 'https://x.example/a?mail=a@b.example' } },
            { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } },
          ],
        },
      ],
      tools: [
        {
          type: 'function',
          function: {
            name: 'f',
            description: 'does a thing',
            parameters: { type: 'object', properties: { a: { type: 'string', description: 'what it is' } } },
          },
        },
      ],
      user: 'a@b.example',
      metadata: { for: 'whom it is' },
      brand_new: { x: ['unheard of'] },
      reasoning_effort: 'high',
      temperature: 0.5,
    });
    expect(texts.sort()).toEqual(
      [
        'system be brief',
        'user look at it',
        'user Ann',
        'thinking hm hm',
        'tool_call {"a":"b c"}',
        'tool_result it is done',
        'user https://x.example/a?mail=a@b.example',
        'tools does a thing',
        'tools what it is',
        'other a@b.example',
        'other for:',
        'other whom it is',
        'other x:',
        'other unheard of',
      ].sort(),
    );
  });

  test('in the Responses API', () => {
    const texts = read('openai_responses', {
      model: 'gpt-5',
      instructions: 'be brief',
      input: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'look' }] },
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'sealed by id' }] },
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 'not sealed' }] },
        { encrypted_content: 'gAAAAA==', type: 'reasoning', summary: [{ type: 'summary_text', text: 'sealed' }] },
        { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'f', arguments: '{"a":1}' },
        { type: 'function_call_output', call_id: 'call_1', output: 'done with it' },
        { type: 'custom_tool_call', call_id: 'call_2', name: 'g', input: 'free text' },
        { type: 'image_generation_call', id: 'ig_1', result: LONG_BASE64 },
        { role: 'assistant', content: 'an answer' },
      ],
      previous_response_id: 'resp_1',
    });
    expect(texts).toEqual([
      'system be brief',
      'user look',
      'thinking! sealed by id',
      'thinking not sealed',
      'thinking! sealed',
      'tool_call {"a":1}',
      'tool_result done with it',
      'tool_call free text',
      'assistant an answer',
    ]);
    expect(read('openai_responses', { model: 'm', input: 'hello' })).toEqual(['user hello']);
  });

  test('in Anthropic messages', () => {
    const texts = read('anthropic_messages', {
      model: 'claude-opus-4-8',
      system: [{ type: 'text', text: 'be brief', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      messages: [
        {
          role: 'user',
          content: [
            {
              type: 'document',
              source: { data: '4111111111111111', type: 'text', media_type: 'text/plain' },
              title: 'a doc',
            },
          ],
        },
        {
          role: 'user',
          content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } }],
        },
        {
          content: [
            { type: 'thinking', thinking: 'sealed thought', signature: 'EqQBCg==' },
            { type: 'redacted_thinking', data: 'EmwKAhg=' },
            { type: 'text', text: 'calling' },
            { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'ls -l', deep: [{ n: 123456789012 }] } },
          ],
          role: 'assistant',
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'files' }] },
            { type: 'text', text: 'go on' },
          ],
        },
        { role: 'user', content: [{ type: 'thinking', thinking: 'no thought of the model', signature: 'x' }] },
      ],
      metadata: { user_id: 'u 77' },
    });
    expect(texts).toEqual([
      'system be brief',
      'other 1h',
      'user 4111111111111111',
      'user a doc',
      'thinking! sealed thought',
      'assistant calling',
      'other command:',
      'tool_call ls -l',
      'other deep:',
      'other n:',
      'tool_call 123456789012',
      'tool_result files',
      'user go on',
      'user no thought of the model',
      'other user_id:',
      'other u 77',
    ]);
  });

  test('in Gemini, also inside a count and a batch of embeddings', () => {
    const body = {
      system_instruction: { parts: [{ text: 'be brief' }] },
      contents: [
        { parts: [{ text: 'no role' }, { inlineData: { mimeType: 'image/png', data: 'iVBORw0K' } }] },
        {
          role: 'model',
          parts: [
            { text: 'a thought', thought: true },
            { functionCall: { name: 'f', args: { city: 'Turku Oy' } }, thoughtSignature: 'CikB' },
            { text: 'free', thoughtSignature: 'skip_thought_signature_validator' },
          ],
        },
        { role: 'user', parts: [{ functionResponse: { name: 'f', response: { ok: 'it is' } } }] },
        { role: 'user', parts: [{ text: 'mine', thoughtSignature: 'CikB' }] },
      ],
      tools: [{ functionDeclarations: [{ name: 'f', description: 'does it all' }] }],
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
    };
    const said = [
      'system be brief',
      'user no role',
      'thinking a thought',
      'other! city:',
      'tool_call! Turku Oy',
      'assistant free',
      'other ok:',
      'tool_result it is',
      'user mine',
      'tools does it all',
    ];
    expect(read('gemini_generate_content', body)).toEqual(said);
    expect(read('gemini_count_tokens', { generateContentRequest: body })).toEqual(said);
    const batch = { requests: [{ model: 'models/x', content: { parts: [{ text: 'one' }] } }] };
    expect(read('gemini_embed_content', batch)).toEqual(['user one']);
  });

  test('in Converse', () => {
    const texts = read('bedrock_converse', {
      system: [{ text: 'be brief' }, { cachePoint: { type: 'default', ttl: '1h' } }],
      messages: [
        {
          role: 'user',
          content: [
            { text: 'look at it' },
            { image: { format: 'png', source: { bytes: LONG_BASE64 } } },
            { document: { format: 'pdf', name: 'report 7', source: { s3Location: { uri: 's3://b/a@b.example' } } } },
            { document: { format: 'txt', name: 'notes', source: { text: 'what it says' } } },
            { reasoningContent: { reasoningText: { text: 'no thought of a model', signature: 'sig' } } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { reasoningContent: { reasoningText: { text: 'hm hm', signature: 'c2ln' } } },
            { reasoningContent: { reasoningText: { text: 'unsigned' } } },
            { reasoningContent: { redactedContent: LONG_BASE64 } },
            { text: 'I shall' },
            { toolUse: { toolUseId: 'tooluse_1', name: 'send', input: { to: 'a@b.example', n: 4111111111111111 } } },
          ],
        },
        {
          role: 'user',
          content: [
            {
              toolResult: {
                toolUseId: 'tooluse_1',
                content: [{ text: 'it is done' }, { json: { by: 'Ann' } }],
                status: 'success',
              },
            },
            { cachePoint: { type: 'default' } },
          ],
        },
      ],
      inferenceConfig: { maxTokens: 5, stopSequences: ['the very end of all that is said here'] },
      toolConfig: {
        tools: [
          { toolSpec: { name: 'send', description: 'sends a thing', inputSchema: { json: { type: 'object' } } } },
        ],
        toolChoice: { auto: {} },
      },
      requestMetadata: { team: 'blue' },
    });
    expect(texts.sort()).toEqual(
      [
        'system be brief',
        // No word to go by, as it begins with a digit.
        'other 1h',
        'user look at it',
        'user report 7',
        'user s3://b/a@b.example',
        'user notes',
        'user what it says',
        'user no thought of a model',
        'thinking! hm hm',
        'thinking unsigned',
        'assistant I shall',
        'tool_call a@b.example',
        'tool_call 4111111111111111',
        'other to:',
        'other n:',
        'tool_result it is done',
        'tool_result Ann',
        'other by:',
        'other the very end of all that is said here',
        'tools sends a thing',
        'other blue',
        'other team:',
      ].sort(),
    );
  });

  test("a thought is a model's in Bedrock's APIs alone", () => {
    const messages = [
      { role: 'assistant', content: [{ reasoningContent: { reasoningText: { text: 'hm', signature: 'c2ln' } } }] },
    ];
    expect(read('openai_chat', { messages })).toEqual(['assistant hm']);
  });

  test('in embeddings', () => {
    expect(read('openai_embeddings', { model: 'e', input: ['one', 'two'] })).toEqual(['user one', 'user two']);
    expect(read('openai_embeddings', { model: 'e', input: [[1, 2, 1234567890]] })).toEqual([]);
  });
});

test('what stands where an id or base64 should, and does not look so, is read', () => {
  const texts = read('openai_chat', {
    model: 'm',
    messages: [
      {
        role: 'user',
        id: 'call me at 5',
        content: [
          { type: 'image_url', image_url: 'data:text/plain,my secret text that is long enough to be an image or such' },
        ],
      },
      { role: 'assistant', content: [{ type: 'thinking', signature: 'no signature at all', thinking: '' }] },
      { role: 'tool', tool_call_id: '4111111111111111', content: '' },
    ],
  });
  expect(texts).toEqual([
    'other call me at 5',
    'user data:text/plain,my secret text that is long enough to be an image or such',
    'other no signature at all',
    'other 4111111111111111',
  ]);
});

describe('a key that stands twice', () => {
  test.each([
    [
      'deep in arguments',
      '{"messages":[{"role":"user","content":[{"type":"tool_use","input":{"a":{"x":1,"x":2}}}]}]}',
      'x',
    ],
    ['after unescaping', '{"messages":[{"role":"user","co\\u006etent":"a","content":"b"}]}', 'content'],
    ['in a member that nobody knows', '{"zzz":[[{"k":1},{"k":1,"j":2,"k":3}]]}', 'k'],
    ['behind many others', `{"zzz":{${Array.from({ length: 40 }, (_, i) => `"k${i}":0`).join()},"k3":1}}`, 'k3'],
    ['beyond ASCII', '{"zzz":{"é":1,"\\u00e9":2}}', 'é'],
  ])('%s is refused with its place', (_, text, key) => {
    const texts = textsOf('anthropic_messages', bytesOf(text));
    const raw = Buffer.from(text);
    expect(texts.ok).toBe(false);
    if (texts.ok || texts.fault.code !== 'body_duplicate_key') throw new Error('no such fault');
    expect(texts.fault.key).toBe(key);
    expect(raw[texts.fault.atByte]).toBe(0x22);
    expect(texts.fault.atByte).toBeGreaterThan(raw.indexOf(':'));
  });

  test('in two objects is no twin', () => {
    expect(textsOf('openai_chat', bytesOf('{"zzz":[{"a":1},{"a":{"a":[{"a":2}]}}]}')).ok).toBe(true);
  });
});

test('a request without a body has no texts', () => {
  expect(readTexts('openai_responses_stored', new Uint8Array())).toEqual([]);
});

const API_OF: [folder: string, api: Api][] = [
  ['openai-chat/', 'openai_chat'],
  ['openai-responses/', 'openai_responses'],
  ['anthropic-messages/', 'anthropic_messages'],
  ['gemini/', 'gemini_generate_content'],
  ['embeddings/', 'openai_embeddings'],
  ['openai-completions/', 'openai_text_completions'],
  ['rerank/', 'rerank'],
];

test('in all fixtures, every sentence is read', () => {
  let sentences = 0;
  for (const [folder, api] of API_OF) {
    for (const name of fixtureNames().filter((one) => one.startsWith(folder))) {
      const { body } = fixture(name).request;
      if (body === undefined || body === null) continue;
      const bytes = bodyOf(body);
      const texts = new Set(readTexts(api, bytes).map((text) => textOf(bytes, text)));
      for (const leaf of leaves(body).filter((one) => /[ .…()?]/.test(one) && !/^[a-z][\w.-]*$/.test(one))) {
        sentences += 1;
        expect(texts, name).toContain(leaf);
      }
    }
  }
  expect(sentences).toBeGreaterThan(30);
});

function leaves(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [];
}
