/** A turn of an agent's work as it goes to Anthropic: what was said before, a tool's result, and tools to go on with. */
export const AGENT_TURN = {
  model: 'claude-haiku-4-5',
  max_tokens: 4096,
  temperature: 0.2,
  stream: true,
  system: 'You are a careful engineer. Say what you change and why.\nRun the tests before you are done.',
  tools: [
    {
      name: 'Read',
      description: 'Reads a file from the disk, by lines.',
      input_schema: { type: 'object', properties: { path: { type: 'string' }, lines: { type: 'integer' } } },
    },
    {
      name: 'Bash',
      description: 'Runs a command in a shell and gives what it printed.',
      input_schema: { type: 'object', properties: { command: { type: 'string' } } },
    },
  ],
  messages: [
    { role: 'user', content: 'The heron test fails since yesterday. Find out why.' },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: 'I look at the test first.' },
        { type: 'tool_use', id: 'toolu_01', name: 'Read', input: { path: 'test/heron.test.ts', lines: 40 } },
      ],
    },
    {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 'toolu_01',
          content: "test('a heron stands', () => {\n  expect(legs(heron)).toBe(1);\n});",
        },
      ],
    },
    {
      role: 'assistant',
      content: [
        { type: 'text', text: 'It expects one leg. Now the code.' },
        { type: 'tool_use', id: 'toolu_02', name: 'Bash', input: { command: 'grep -rn "legs" src | head' } },
      ],
    },
    {
      role: 'user',
      content: [
        {
          type: 'tool_result',
          tool_use_id: 'toolu_02',
          content:
            'src/heron.ts:12:export function legs(bird: Bird): number {\nsrc/heron.ts:13:  return bird.legs.length;',
        },
        {
          type: 'text',
          text: 'By the way: my address is ada.lovelace@example.com, and call the tool Bash if you need it.',
        },
        {
          type: 'image',
          source: {
            type: 'base64',
            media_type: 'image/png',
            data: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
          },
        },
      ],
    },
  ],
};
