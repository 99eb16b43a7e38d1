import * as z from 'zod/mini';

/** In the order of their tabs. */
export const CLIENT_IDS = [
  'claude-code',
  'codex',
  'gemini-cli',
  'opencode',
  'openai',
  'anthropic',
  'google',
  'ai-sdk',
  'curl',
] as const;
export type ClientId = (typeof CLIENT_IDS)[number];

/** What the address of this page says. What it says wrongly counts as not said. */
export const SetUpSearch = z.object({
  client: z.catch(z.optional(z.enum(CLIENT_IDS)), undefined),
  model: z.catch(z.optional(z.string()), undefined),
});
export type SetUpSearch = z.infer<typeof SetUpSearch>;
