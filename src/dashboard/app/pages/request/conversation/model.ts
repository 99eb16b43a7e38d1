/* A conversation as all APIs have it, in plain data: it is read in a worker and shown by the page. */

export type Block =
  | { kind: 'text'; text: string }
  | { kind: 'thinking'; text: string; sealed: boolean }
  | { kind: 'call'; id: string; name: string; input: string }
  | { kind: 'result'; id: string; failed: boolean; blocks: Block[] }
  | { kind: 'media'; what: string; type: string; bytes: number | null; from: string; image: string | null }
  | { kind: 'other'; type: string; json: string };

export type Role = 'system' | 'user' | 'assistant' | 'tool' | 'other';

export interface Turn {
  role: Role;
  /** As the API calls it, where that says more. */
  name: string;
  blocks: Block[];
}

export interface ToolOffer {
  name: string;
  about: string;
  schema: string;
}

export interface Conversation {
  system: Turn[];
  tools: ToolOffer[];
  /** Members of the request beside what was said: `temperature 0.2`. */
  settings: [string, string][];
  turns: Turn[];
  /** Turns before these, which were too many to show. */
  leftOut: number;
  /** The first turn that is new with this request: all before it was there when the model last answered. */
  newFrom: number;
  /** What the request continues, and the provider remembers. */
  continues: string;
}

/** What was asked for, and what came; each null where it cannot be read. */
export interface Exchange {
  asked: Conversation | null;
  answer: Answer | null;
}

export interface Answer {
  turns: Turn[];
  /** An error in place of an answer, or behind one. */
  error: string;
}

/** More turns than anybody reads; each is an object that has to come over from the worker. */
export const MOST_TURNS = 2_000;
export const MOST_BLOCKS = 400;
export const MOST_TOOLS = 400;
