import { expect, test } from 'vitest';
import { agentOf } from '../../src/records/agent.ts';

test.each([
  ['claude-cli/2.1.330 (external, cli)', 'claude-code', '2.1.330'],
  ['claude-code/2.1.330', 'claude-code', '2.1.330'],
  ['codex_exec/0.169.0 (Debian 12; x86_64) dumb (codex_exec; 0.169.0)', 'codex', '0.169.0'],
  ['codex_cli_rs/0.98.0-alpha.2 (Mac OS 15.1)', 'codex', '0.98.0-alpha.2'],
  ['GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux; x64)', 'gemini-cli', '0.61.0'],
  ['GeminiCLI/0.40.1/gemini-2.5-pro (linux; x64)', 'gemini-cli', '0.40.1'],
  ['opencode/1.18.2', 'opencode', '1.18.2'],
  ['OpenAI/JS 7.57.0', 'openai-sdk-js', '7.57.0'],
  ['OpenAI/Python 2.8.1', 'openai-sdk-python', '2.8.1'],
  ['Anthropic/JS 1.12.0', 'anthropic-sdk-js', '1.12.0'],
  ['AnthropicBedrock/JS 1.1.0', 'anthropic-sdk-bedrock', '1.1.0'],
  ['AnthropicVertex/JS 1.1.0', 'anthropic-sdk-vertex', '1.1.0'],
  ['google-genai-sdk/3.1.0 gl-node/v20.19.0', 'google-genai-sdk', '3.1.0'],
  ['ai-sdk-openai/7.0.3 runtime/node.js/22', 'ai-sdk', '7.0.3'],
  ['aws-sdk-js/3.1161.0 ua/2.1', 'aws-sdk-js', '3.1161.0'],
  ['Boto3/1.40.2 md/Botocore#1.40.2', 'aws-sdk-python', '1.40.2'],
  ['curl/8.5.0', 'curl', '8.5.0'],
  ['node', 'node-http', ''],
  ['', 'other', ''],
  ['SomethingNew/3.2', 'other', '3.2'],
  ['not claude-cli/2.1', 'other', ''],
])('%s', (userAgent, agent, version) => {
  expect(agentOf(userAgent)).toEqual({ agent, version });
});

test('a hostile user agent is one bounded label and takes no time', () => {
  const started = performance.now();
  for (const part of ['/', 'a/', '1.', '(', ' ', 'OpenAI/JS ']) {
    const { agent, version } = agentOf(part.repeat(100_000));
    expect(agent).toMatch(/^[a-z-]+$/);
    expect(version.length).toBeLessThanOrEqual(32);
  }
  expect(performance.now() - started).toBeLessThan(100);
});
