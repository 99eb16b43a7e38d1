import { firstRequest, quoted } from '../../api/first-request.ts';
import type { Format, Model } from '../../api/models.ts';
import type { ClientId } from './search.ts';

/** Something to copy, and where it goes. */
export interface Snippet {
  place: string;
  text: string;
}

export interface Client {
  name: string;
  /** What the model must be served in: the first of these that it is. */
  formats: readonly Format[];
  note?: string;
  snippets: (to: Target) => Snippet[];
}

export interface Target {
  /** Of this gateway: scheme, host and port. */
  origin: string;
  model: Model;
  /** The first of the client's formats that the model has. */
  format: Format;
  /** What the client sends in place of a provider's key. */
  key: string;
}

/**
 * Settings as the clients have them (wire-formats.md, section 14; those of the agents are the ones that `test/agents` runs
 * them with). A model's name and a token are somebody else's text: they are quoted for where they stand.
 */
export const CLIENTS: Record<ClientId, Client> = {
  'claude-code': {
    name: 'Claude Code',
    formats: ['messages'],
    snippets: ({ origin, model: { id: model }, key }) => [
      {
        place: '~/.claude/settings.json',
        text: json({ model, env: { ANTHROPIC_BASE_URL: origin, ANTHROPIC_API_KEY: key } }),
      },
      {
        place: 'Or for one session, in a shell',
        text: shell({ ANTHROPIC_BASE_URL: origin, ANTHROPIC_API_KEY: key }, `claude --model ${bareOrQuoted(model)}`),
      },
    ],
  },
  codex: {
    name: 'Codex',
    formats: ['responses'],
    snippets: ({ origin, model: { id: model }, key }) => [
      {
        place: '~/.codex/config.toml',
        text: lines(
          `model = ${JSON.stringify(model)}`,
          'model_provider = "aperture"',
          '',
          '[model_providers.aperture]',
          'name = "Aperture"',
          `base_url = "${origin}/v1"`,
          'wire_api = "responses"',
          'env_key = "APERTURE_KEY"',
          'supports_websockets = true',
        ),
      },
      { place: 'In a shell', text: shell({ APERTURE_KEY: key }, 'codex') },
    ],
  },
  'gemini-cli': {
    name: 'Gemini CLI',
    formats: ['gemini'],
    snippets: ({ origin, model: { id: model }, key }) => [
      {
        place: '~/.gemini/settings.json',
        text: json({ security: { auth: { selectedType: 'gemini-api-key' } }, model: { name: model } }),
      },
      { place: '~/.gemini/.env', text: lines(`GOOGLE_GEMINI_BASE_URL=${origin}`, `GEMINI_API_KEY=${key}`) },
    ],
  },
  opencode: {
    name: 'OpenCode',
    formats: ['chat'],
    snippets: ({ origin, model: { id: model }, key }) => [
      {
        place: 'opencode.json',
        text: json({
          provider: {
            aperture: {
              npm: '@ai-sdk/openai-compatible',
              options: { baseURL: `${origin}/v1`, apiKey: key },
              models: { [model]: {} },
            },
          },
          model: `aperture/${model}`,
        }),
      },
    ],
  },
  openai: {
    name: 'OpenAI SDK',
    formats: ['responses', 'chat'],
    snippets: ({ origin, model: { id: model }, format, key }) => [
      {
        place: 'Python',
        text: lines(
          'from openai import OpenAI',
          '',
          `client = OpenAI(base_url="${origin}/v1", api_key=${JSON.stringify(key)})`,
          ...(format === 'responses'
            ? [
                `answer = client.responses.create(model=${JSON.stringify(model)}, input="Hello")`,
                'print(answer.output_text)',
              ]
            : [
                'answer = client.chat.completions.create(',
                `    model=${JSON.stringify(model)},`,
                '    messages=[{"role": "user", "content": "Hello"}],',
                ')',
                'print(answer.choices[0].message.content)',
              ]),
        ),
      },
      {
        place: 'TypeScript',
        text: lines(
          "import OpenAI from 'openai';",
          '',
          `const client = new OpenAI({ baseURL: '${origin}/v1', apiKey: ${JSON.stringify(key)} });`,
          ...(format === 'responses'
            ? [
                `const answer = await client.responses.create({ model: ${JSON.stringify(model)}, input: 'Hello' });`,
                'console.log(answer.output_text);',
              ]
            : [
                'const answer = await client.chat.completions.create({',
                `  model: ${JSON.stringify(model)},`,
                "  messages: [{ role: 'user', content: 'Hello' }],",
                '});',
                'console.log(answer.choices[0]?.message.content);',
              ]),
        ),
      },
      environment({ OPENAI_BASE_URL: `${origin}/v1`, OPENAI_API_KEY: key }),
    ],
  },
  anthropic: {
    name: 'Anthropic SDK',
    formats: ['messages'],
    snippets: ({ origin, model: { id: model }, key }) => [
      {
        place: 'Python',
        text: lines(
          'from anthropic import Anthropic',
          '',
          `client = Anthropic(base_url="${origin}", api_key=${JSON.stringify(key)})`,
          'message = client.messages.create(',
          `    model=${JSON.stringify(model)},`,
          '    max_tokens=200,',
          '    messages=[{"role": "user", "content": "Hello"}],',
          ')',
        ),
      },
      {
        place: 'TypeScript',
        text: lines(
          "import Anthropic from '@anthropic-ai/sdk';",
          '',
          `const client = new Anthropic({ baseURL: '${origin}', apiKey: ${JSON.stringify(key)} });`,
          'const message = await client.messages.create({',
          `  model: ${JSON.stringify(model)},`,
          '  max_tokens: 200,',
          "  messages: [{ role: 'user', content: 'Hello' }],",
          '});',
        ),
      },
      environment({ ANTHROPIC_BASE_URL: origin, ANTHROPIC_API_KEY: key }),
    ],
  },
  google: {
    name: 'Google Gen AI SDK',
    formats: ['gemini'],
    snippets: ({ origin, model: { id: model }, key }) => [
      {
        place: 'Python',
        text: lines(
          'from google import genai',
          '',
          `client = genai.Client(api_key=${JSON.stringify(key)}, http_options={"base_url": "${origin}"})`,
          `answer = client.models.generate_content(model=${JSON.stringify(model)}, contents="Hello")`,
          'print(answer.text)',
        ),
      },
      {
        place: 'TypeScript',
        text: lines(
          "import { GoogleGenAI } from '@google/genai';",
          '',
          `const ai = new GoogleGenAI({ apiKey: ${JSON.stringify(key)}, httpOptions: { baseUrl: '${origin}' } });`,
          `const answer = await ai.models.generateContent({ model: ${JSON.stringify(model)}, contents: 'Hello' });`,
          'console.log(answer.text);',
        ),
      },
      environment({ GOOGLE_GEMINI_BASE_URL: origin, GEMINI_API_KEY: key }),
    ],
  },
  'ai-sdk': {
    name: 'AI SDK',
    formats: ['chat'],
    note: 'With /v1 also for Anthropic’s provider, and /v1beta for Google’s: these append the rest.',
    snippets: ({ origin, model: { id: model }, key }) => [
      {
        place: 'TypeScript',
        text: lines(
          "import { generateText } from 'ai';",
          "import { createOpenAICompatible } from '@ai-sdk/openai-compatible';",
          '',
          `const aperture = createOpenAICompatible({ name: 'aperture', baseURL: '${origin}/v1', apiKey: ${JSON.stringify(key)} });`,
          `const { text } = await generateText({ model: aperture(${JSON.stringify(model)}), prompt: 'Hello' });`,
        ),
      },
    ],
  },
  curl: {
    name: 'curl',
    formats: ['chat', 'messages', 'responses'],
    snippets: ({ origin, model, key }) => [
      { place: 'In a shell', text: firstRequest(origin, [model], key === ANY_KEY ? undefined : key) },
    ],
  },
};

/** Clients refuse to start without a key; the gateway drops it. */
export const ANY_KEY = 'the-gateway-has-the-keys';
/** For those who are known by a token of the gateway's. */
export const OWN_TOKEN = 'YOUR_GATEWAY_TOKEN';

function lines(...all: string[]): string {
  return all.join('\n');
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

function environment(variables: Record<string, string>): Snippet {
  return { place: 'Or by the environment, with code as it is', text: shell(variables) };
}

function shell(variables: Record<string, string>, ...commands: string[]): string {
  return lines(
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${bareOrQuoted(value)}`),
    ...commands,
  );
}

/** For a shell; bare where nothing needs quotes. */
function bareOrQuoted(text: string): string {
  return /^[A-Za-z0-9_./:@-]+$/.test(text) ? text : quoted(text);
}
