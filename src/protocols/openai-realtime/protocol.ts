import type { Protocol } from '../protocol.ts';
import { openReader } from '../reader.ts';
import { clientSession } from '../client-session.ts';
import { emptyRequestFacts, emptyResponseFacts } from '../facts.ts';
import { RealtimeAssembly } from './session.ts';

/**
 * One turn of a Realtime session: what the client sent for it, a message a line, and the provider's messages as events.
 * Audio has no text of which a session's hash could be made: its session is the client's, where headers name one.
 */
export const openaiRealtime: Protocol = {
  api: 'openai_realtime',
  compatibility: 'openai_responses',
  dialect: 'openai',
  billable: true,
  readRequest: ({ headers }) => Object.assign(emptyRequestFacts(), { stream: true }, clientSession(headers, [])),
  openResponse: (head) =>
    openReader(head, {
      stream: () => new RealtimeAssembly(),
      unary: () => emptyResponseFacts(),
    }),
};
