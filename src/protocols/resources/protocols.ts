import type { Api } from '../../contract/api.ts';
import { emptyRequestFacts, emptyResponseFacts } from '../facts.ts';
import { clientSession } from '../client-session.ts';
import type { Protocol } from '../protocol.ts';
import { openReader } from '../reader.ts';
import { Unread } from '../unread.ts';
import { familyOf, RESOURCE_ENDPOINTS } from './endpoints.ts';

/** What is about something that a provider keeps: nothing of it is usage, and errors are read as everywhere. */
function resourceProtocol(api: Api): Protocol {
  const { dialect, speaks } = familyOf(api);
  const [compatibility = 'openai_chat'] = speaks;
  return {
    api,
    compatibility,
    dialect,
    billable: false,
    readRequest: ({ headers }) => Object.assign(emptyRequestFacts(), clientSession(headers, [])),
    openResponse: (head) =>
      head.status >= 400 ? openReader(head, { stream: undefined, unary: emptyResponseFacts }) : new Unread(),
  };
}

export const RESOURCE_PROTOCOLS: readonly Protocol[] = [...new Set(RESOURCE_ENDPOINTS.map(({ api }) => api))].map(
  resourceProtocol,
);
