import { describe, expect, test } from 'vitest';
import type { ToolPolicy } from '../../../src/contract/guardrail.ts';
import { fitsOne } from '../../../src/guardrails/rules/globs.ts';
import { compileToolPolicy, judgeOfferedTools, judgeToolCall } from '../../../src/guardrails/rules/tool-policy.ts';
import { bodyOf } from './support.ts';

function policy(more: Partial<ToolPolicy>): ReturnType<typeof compileToolPolicy> {
  return compileToolPolicy({
    kind: 'tool_policy',
    action: 'block',
    sides: ['request', 'response'],
    shadow: false,
    message: '',
    statusCode: 403,
    allow: undefined,
    deny: [],
    arguments: {},
    ...more,
  });
}

function refused(more: Partial<ToolPolicy>, body: unknown): string[] {
  return judgeOfferedTools(policy(more), bodyOf(body)).map(({ kind }) => kind);
}

test('globs', () => {
  const yes: [string, string][] = [
    ['*', ''],
    ['a*', 'a'],
    ['*b', 'ab'],
    ['a*b*c', 'a-b-b-c'],
    ['a.c', 'a.c'],
    ['mcp__*__read', 'mcp__x__y__read'],
    ['**', 'x'],
  ];
  const no: [string, string][] = [
    ['a', 'ab'],
    ['a*a', 'a'],
    ['a.c', 'abc'],
    ['a*b*c', 'a-c-b'],
    ['', 'a'],
    ['*ab*ab', 'ab'],
  ];
  expect(yes.filter(([glob, name]) => !fitsOne([glob], name))).toEqual([]);
  expect(no.filter(([glob, name]) => fitsOne([glob], name))).toEqual([]);
});

describe('tools that a request offers', () => {
  test.each<[string, unknown, string[]]>([
    [
      'chat',
      {
        tools: [
          { type: 'function', function: { name: 'good' } },
          { type: 'function', function: { name: 'bad' } },
        ],
      },
      ['bad'],
    ],
    [
      'Converse',
      {
        toolConfig: {
          tools: [{ toolSpec: { name: 'good' } }, { toolSpec: { name: 'bad' } }, { cachePoint: { type: 'default' } }],
        },
      },
      ['bad'],
    ],
    ["Amazon's own", { toolConfig: { tools: [{ systemTool: { name: 'bad' } }] } }, ['bad']],
    [
      'what Converse hands on',
      { additionalModelRequestFields: { tools: [{ type: 'bash_20250124', name: 'bad' }] } },
      ['bad'],
    ],
    ['chat, custom', { tools: [{ type: 'custom', custom: { name: 'bad' } }] }, ['bad']],
    ['chat, functions as they were', { functions: [{ name: 'good' }, { name: 'bad' }] }, ['bad']],
    ['chat, search by a member', { web_search_options: {} }, ['web_search']],
    [
      'responses',
      {
        tools: [
          { type: 'function', name: 'bad' },
          { type: 'custom', name: 'good' },
        ],
      },
      ['bad'],
    ],
    ['responses, hosted', { tools: [{ type: 'code_interpreter', container: { type: 'auto' } }] }, ['code_interpreter']],
    [
      'responses, a namespace',
      { tools: [{ type: 'namespace', name: 'good', tools: [{ type: 'function', name: 'bad' }] }] },
      ['good', 'bad'],
    ],
    ['responses, MCP', { tools: [{ type: 'mcp', server_label: 'bad', server_url: 'https://x.example' }] }, ['bad']],
    [
      'anthropic',
      {
        tools: [
          { name: 'good', input_schema: {} },
          { name: 'bad', input_schema: {} },
        ],
      },
      ['bad'],
    ],
    ['anthropic, a server tool', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, ['web_search']],
    [
      'anthropic, a server tool under an allowed name',
      { tools: [{ type: 'code_execution_20250825', name: 'good' }] },
      ['good'],
    ],
    ['anthropic, MCP', { mcp_servers: [{ type: 'url', url: 'https://x.example', name: 'bad' }] }, ['bad']],
    ['gemini', { tools: [{ functionDeclarations: [{ name: 'good' }, { name: 'bad' }] }] }, ['bad']],
    ['gemini, the other spelling', { tools: [{ function_declarations: [{ name: 'bad' }] }] }, ['bad']],
    [
      'gemini, search and code',
      { tools: [{ googleSearch: {}, code_execution: {} }] },
      ['googleSearch', 'codeExecution'],
    ],
    ['gemini, in a count', { generateContentRequest: { tools: [{ googleSearch: {} }] } }, ['googleSearch']],
    ['in another case of the member', { Tools: [{ name: 'bad' }] }, ['bad']],
    ['none', { messages: [] }, []],
    ['an empty list', { tools: [] }, []],
  ])('%s: an allow-list refuses all others', (_, body, names) => {
    expect(refused({ allow: ['good'] }, body)).toEqual(names);
    expect(refused({ allow: ['*'] }, body)).toEqual([]);
    expect(refused({ allow: ['*'], deny: ['*'] }, body).length).toBeGreaterThanOrEqual(names.length);
  });

  test('server tools go by their type, with and without its date', () => {
    const body = { tools: [{ type: 'web_search_20250305', name: 'web_search' }] };
    for (const deny of ['web_search', 'web_search_*', 'web_search_20250305']) {
      expect(refused({ deny: [deny] }, body)).toEqual(['web_search']);
    }
    expect(refused({ allow: ['web_search'] }, body)).toEqual([]);
    expect(refused({ deny: ['web_fetch'] }, body)).toEqual([]);
    expect(refused({ allow: ['googleSearch'] }, { tools: [{ google_search: {} }] })).toEqual([]);
    expect(refused({ deny: ['google_search'] }, { tools: [{ google_search: {} }] })).toEqual(['googleSearch']);
  });

  test('tools of MCP servers', () => {
    const open = { tools: [{ type: 'mcp', server_label: 'git', server_url: 'https://x.example' }] };
    const listed = { tools: [{ type: 'mcp', server_label: 'git', allowed_tools: ['read', 'push'] }] };
    const listedToo = { tools: [{ type: 'mcp', server_label: 'git', allowed_tools: { tool_names: ['push'] } }] };
    expect(refused({ deny: ['git/push'] }, open), 'a server that may have it').toEqual(['git']);
    expect(refused({ deny: ['git/push'] }, listed)).toEqual(['git/push']);
    expect(refused({ deny: ['git/push'] }, listedToo)).toEqual(['git/push']);
    expect(refused({ allow: ['git/read'] }, open)).toEqual(['git']);
    expect(refused({ allow: ['git/read'] }, listed)).toEqual(['git/push']);
    expect(refused({ allow: ['git'] }, listed)).toEqual([]);
    expect(refused({ allow: ['git/*'] }, open)).toEqual([]);
    const anthropic = {
      mcp_servers: [{ url: 'https://x.example', name: 'git', tool_configuration: { allowed_tools: ['push'] } }],
    };
    expect(refused({ deny: ['git/push'] }, anthropic)).toEqual(['git/push']);
  });
});

describe('calls that a response makes', () => {
  const call = (more: Partial<ToolPolicy>, name: string, args = '{}'): string | undefined =>
    judgeToolCall(policy(more), { name, arguments: args });

  test('go by name', () => {
    expect(call({ deny: ['rm*'] }, 'rm_all')).toContain('denied');
    expect(call({ allow: ['ls'] }, 'rm')).toContain('allowed');
    expect(call({ allow: ['ls'] }, 'ls')).toBeUndefined();
    expect(call({ allow: ['*'], deny: ['ls'] }, 'ls')).toContain('denied');
  });

  const schema = {
    type: 'object',
    properties: { path: { type: 'string', enum: ['/tmp', '/var'] }, n: { type: 'integer', minimum: 1, maximum: 9 } },
    required: ['path'],
    additionalProperties: false,
  };
  test.each<[string, string, string | undefined]>([
    ['fits', '{"path":"/tmp","n":3}', undefined],
    ['has a value that is not allowed', '{"path":"/etc"}', 'arguments.path'],
    ['has another type', '{"path":"/tmp","n":"3"}', 'arguments.n'],
    ['is out of bounds', '{"path":"/tmp","n":10}', 'too large'],
    ['is no whole number', '{"path":"/tmp","n":1.5}', 'arguments.n'],
    ['has a further member', '{"path":"/tmp","secret":1}', 'further member'],
    ['lacks a member', '{"n":1}', 'arguments.path is missing'],
    ['has none', '', 'arguments.path is missing'],
    ['is cut off', '{"path":"/tmp"', 'no JSON'],
    ['is no object', '[]', 'no object'],
  ])('arguments: one that %s', (_, args, why) => {
    const said = call({ arguments: { open: schema } }, 'open', args);
    if (why === undefined) expect(said).toBeUndefined();
    else expect(said).toContain(why);
    expect(call({ arguments: { open: schema } }, 'other', args)).toBeUndefined();
    expect(said ?? '').not.toMatch(/secret|\/etc/);
  });

  test.each<[string, unknown, unknown, unknown]>([
    ['properties without a type', { properties: { a: { const: 1 } } }, { a: 1 }, { a: 2 }],
    ['required without a type', { required: ['a'] }, { a: 0 }, {}],
    ['enum beside others', { enum: ['a', 'bb'], maxLength: 1 }, 'a', 'bb'],
    ['const of an object', { const: { a: [1], b: 2 } }, { b: 2, a: [1] }, { a: [1] }],
    ['several types', { type: ['string', 'null'] }, null, 1],
    ['items', { items: { type: 'string' } }, ['a'], ['a', 1]],
    ['items behind the first', { prefixItems: [{ const: 1 }], items: { const: 2 } }, [1, 2, 2], [1, 1]],
    ['anyOf', { anyOf: [{ const: 1 }, { const: 2 }] }, 2, 3],
    ['oneOf', { oneOf: [{ minimum: 1 }, { maximum: 2 }] }, 3, 1.5],
    ['allOf', { allOf: [{ minimum: 1 }, { maximum: 2 }] }, 2, 3],
    ['not', { not: { type: 'string' } }, 1, 'a'],
    ['characters, not units', { maxLength: 1 }, '😀', 'ab'],
    ['exclusive bounds', { exclusiveMinimum: 1 }, 1.1, 1],
    ['sizes', { maxItems: 1, minProperties: 1 }, [1], {}],
    ['a member called __proto__', { additionalProperties: false }, {}, JSON.parse('{"__proto__":1}')],
    ['false', { properties: { a: false } }, {}, { a: null }],
  ])('schemas: %s', (_, schema, fitting, other) => {
    const judge = (value: unknown): string | undefined =>
      call({ arguments: { f: { properties: { v: schema } } } }, 'f', JSON.stringify({ v: value }));
    expect(judge(fitting)).toBeUndefined();
    expect(judge(other)).toBeTypeOf('string');
  });

  test.each([
    [{ type: 'string', pattern: '(a+)+$' }, 'pattern'],
    [{ properties: { a: { format: 'email' } } }, '/properties/a/format'],
    [{ patternProperties: {} }, 'patternProperties'],
    [{ $ref: '#/$defs/a' }, '$ref'],
    [{ type: 'text' }, 'type'],
    [{ minimum: '1' }, 'minimum'],
    [{ if: {} }, 'if'],
  ])('a schema that cannot be used is refused with the place: %j', (schema, place) => {
    expect(() => policy({ arguments: { bash: schema } })).toThrow(place);
    expect(() => policy({ arguments: { bash: schema } })).toThrow('bash');
  });
});
