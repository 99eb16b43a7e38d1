import { clientSession } from '../client-session.ts';
import { emptyRequestFacts, emptyResponseFacts } from '../facts.ts';
import type { Protocol } from '../protocol.ts';
import { openReader } from '../reader.ts';
import { Unread } from '../reader.ts';

/** A path of a provider that grants open as it is (`direct_paths`): nothing of it is read but errors. */
export const direct: Protocol = {
  api: 'direct',
  // Never asked: a grant names the provider.
  compatibility: 'openai_chat',
  dialect: 'plain',
  billable: false,
  readRequest: ({ headers }) => Object.assign(emptyRequestFacts(), clientSession(headers, [])),
  openResponse: (head) =>
    head.status >= 400 ? openReader(head, { stream: undefined, unary: emptyResponseFacts }) : new Unread(),
};
