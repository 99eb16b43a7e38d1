// Conversations with tools through the real binary: what the request says, what the response says, and what is kept.
import { describe, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { APIS } from './support.ts';
import type { Api } from './support.ts';
import { flow } from './text-flow.ts';

const PARAMETERS = { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] };
const TOOLS: Record<Api, unknown[]> = {
  openai: ['read_file', 'run_tests'].map((name) => ({ type: 'function', function: { name, parameters: PARAMETERS } })),
  anthropic: ['read_file', 'run_tests'].map((name) => ({ name, input_schema: PARAMETERS })),
};

interface Call {
  id: string;
  name: string;
}

interface Answered {
  record: string;
  /** The answer as the next request carries it. */
  message: unknown;
  calls: Call[];
}

async function say(api: Api, messages: unknown[], headers: Record<string, string> = {}): Promise<Answered> {
  const system = api === 'anthropic' ? { system: 'Be short.' } : {};
  const first = api === 'openai' ? [{ role: 'system', content: 'Be short.' }] : [];
  const response = await flow.ask(api, {
    headers,
    body: { ...system, tools: TOOLS[api], messages: [...first, ...messages] },
  });
  expect(response.status).toBe(200);
  const record = response.headers.get('x-aperture-request-id') ?? '';
  // The next turn of a person or an agent comes later than this one is stored.
  await flow.record(record);
  if (api === 'openai') {
    const body = (await response.json()) as {
      choices: [{ message: { tool_calls?: { id: string; function: { name: string } }[] } }];
    };
    const { message } = body.choices[0];
    const calls = (message.tool_calls ?? []).map((call) => ({ id: call.id, name: call.function.name }));
    return { record, message, calls };
  }
  const { content } = (await response.json()) as { content: { type: string; id: string; name: string }[] };
  const calls = content.filter(({ type }) => type === 'tool_use').map(({ id, name }) => ({ id, name }));
  return { record, message: { role: 'assistant', content }, calls };
}

/** Results of two calls: five bytes, and, where the API can say so, an error of nine. */
function resultsOf(api: Api, [first, second]: Call[]): unknown[] {
  if (api === 'openai') {
    return [
      { role: 'tool', tool_call_id: first?.id, content: 'hello' },
      { role: 'tool', tool_call_id: second?.id, content: 'no tests!' },
    ];
  }
  const content = [
    { type: 'tool_result', tool_use_id: first?.id, content: 'hello' },
    { type: 'tool_result', tool_use_id: second?.id, content: 'no tests!', is_error: true },
  ];
  return [{ role: 'user', content }];
}

interface Session {
  session: { session_id: string; requests: number; tool_calls: number; cost_nanodollars: string };
  requests: { id: string; cost_nanodollars: string | null; tool_calls: unknown[] }[];
}

interface Tools {
  items: { id: string; name: string; record_id: string; result: Record<string, unknown> | null }[];
}

/** Three turns: two calls, their results, and another call. `mark` keeps conversations apart. */
async function converse(api: Api, mark: string, headers: Record<string, string> = {}): Promise<Answered[]> {
  const question = { role: 'user', content: `Use the tool read_file, ${mark} [[sim: tools=2]]` };
  const first = await say(api, [question], headers);
  // As an agent does: the cache marker moves to the newest message, and the text becomes a part for it.
  const marked = {
    role: 'user',
    content: [{ type: 'text', text: question.content, cache_control: { type: 'ephemeral' } }],
  };
  const soFar = [api === 'anthropic' ? marked : question, first.message, ...resultsOf(api, first.calls)];
  const second = await say(api, soFar, headers);
  const again = { role: 'user', content: 'Now use the tool run_tests' };
  const third = await say(api, [question, ...soFar.slice(1), second.message, again], headers);
  return [first, second, third];
}

async function sessionOf(answers: Answered[]): Promise<Session> {
  const records = await Promise.all(answers.map(({ record }) => flow.record(record)));
  const sessions = new Set(records.map(({ session_id }) => session_id));
  expect(sessions.size, 'one session').toBe(1);
  return (await flow.gateway.json(`/api/sessions/${[...sessions].join()}`)) as Session;
}

describe.each(APIS)('%s', (api) => {
  test('three turns with tools are one session, and its calls have their results', async () => {
    const answers = await converse(api, 'please');
    const [first, second, third] = answers as [Answered, Answered, Answered];
    expect(answers.map(({ calls }) => calls.length)).toEqual([2, 0, 1]);
    const { session, requests } = await sessionOf(answers);
    expect(session.session_id).toMatch(/^oacc_[0-9a-f]{16}$/);
    expect(session).toMatchObject({ requests: 3, tool_calls: 3 });
    expect(requests.map(({ id }) => id)).toEqual([first.record, second.record, third.record]);
    const cost = requests.reduce((sum, request) => sum + BigInt(request.cost_nanodollars ?? 0), 0n);
    expect(cost).toBeGreaterThan(0n);
    expect(session.cost_nanodollars).toBe(String(cost));

    const { items } = (await flow.gateway.json(`/api/tools?session=${session.session_id}`)) as Tools;
    expect(items).toMatchObject([
      { ...third.calls[0], record_id: third.record, result: null },
      {
        ...first.calls[1],
        record_id: first.record,
        result: { bytes: 9, is_error: api === 'anthropic', record_id: second.record },
      },
      { ...first.calls[0], record_id: first.record, result: { bytes: 5, is_error: false, record_id: second.record } },
    ]);
  });

  test('the same conversation again is another session', async () => {
    const before = await sessionOf(await converse(api, 'twice'));
    const after = await sessionOf(await converse(api, 'twice'));
    expect(after.session.session_id).toContain(`${before.session.session_id}_`);
    expect(after.session).toMatchObject({ requests: 3, tool_calls: 3 });
  });

  test("an agent's own id is the session, whatever it says", async () => {
    const id = `01a20725-0000-7000-8000-00000000000${APIS.indexOf(api)}`;
    const headers = { 'x-claude-code-session-id': id };
    const answers = [...(await converse(api, 'own', headers)), ...(await converse(api, 'own', headers))];
    const { session } = await sessionOf(answers);
    expect(session).toMatchObject({ session_id: id, requests: 6 });
  });
});

test('sessions are listed with the newest activity first', async () => {
  const last = await say('openai', [{ role: 'user', content: 'The last word' }]);
  const { session_id } = await flow.record(last.record);
  await until('it is the first', async () => {
    const { items } = (await flow.gateway.json('/api/sessions?limit=1')) as { items: { session_id: string }[] };
    return items[0]?.session_id === session_id;
  });
});
