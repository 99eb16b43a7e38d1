/** Which program is calling, by its user agent. `agent` is a label of metrics: one of AGENTS or `other`. */
export interface Agent {
  agent: string;
  /** As the program says it; empty where it does not. */
  version: string;
}

/** A prefix of the user agent in lower case, and the agent's name. The first that fits wins (wire-formats.md, 14). */
const AGENTS: [string, string][] = [
  ['claude-cli/', 'claude-code'],
  ['claude-code/', 'claude-code'],
  ['codex_exec/', 'codex'],
  ['codex_cli_rs/', 'codex'],
  ['codex_vscode/', 'codex'],
  ['codex-tui/', 'codex'],
  ['codex/', 'codex'],
  ['geminicli', 'gemini-cli'],
  ['opencode/', 'opencode'],
  ['openai/js', 'openai-sdk-js'],
  ['openai/python', 'openai-sdk-python'],
  ['asyncopenai/python', 'openai-sdk-python'],
  ['openai/go', 'openai-sdk-go'],
  ['openai/java', 'openai-sdk-java'],
  ['anthropic/js', 'anthropic-sdk-js'],
  ['anthropic/python', 'anthropic-sdk-python'],
  ['asyncanthropic/python', 'anthropic-sdk-python'],
  ['anthropic/go', 'anthropic-sdk-go'],
  ['anthropicbedrock/', 'anthropic-sdk-bedrock'],
  ['anthropicvertex/', 'anthropic-sdk-vertex'],
  ['google-genai-sdk/', 'google-genai-sdk'],
  ['ai-sdk', 'ai-sdk'],
  ['ai/', 'ai-sdk'],
  ['aws-sdk-js/', 'aws-sdk-js'],
  ['boto3/', 'aws-sdk-python'],
  ['aperture/', 'aperture'],
  ['curl/', 'curl'],
  ['python-requests/', 'python-http'],
  ['python-httpx/', 'python-http'],
  ['python/', 'python-http'],
  ['go-http-client/', 'go-http'],
  ['axios/', 'node-http'],
  ['node', 'node-http'],
  ['undici', 'node-http'],
  ['bun/', 'node-http'],
  ['mozilla/', 'browser'],
];

/** What stands between a name and its version: `GeminiCLI-tui/0.61.0/…`, `OpenAI/JS 7.57.0`. */
const VERSION = /^[^\s/()]{0,64}(?:\/(?:js|python|go|java))?[\s/]v?(\d[0-9A-Za-z.+-]{0,31})/i;

/** Longer ones are cut: the name stands in front. */
const READ_CHARS = 256;

export function agentOf(userAgent: string): Agent {
  const read = userAgent.slice(0, READ_CHARS).trimStart();
  const lower = read.toLowerCase();
  const known = AGENTS.find(([prefix]) => lower.startsWith(prefix));
  return { agent: known?.[1] ?? 'other', version: VERSION.exec(read)?.[1] ?? '' };
}
