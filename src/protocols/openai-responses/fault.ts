import type { FaultAnswer } from '../../contract/fault.ts';
import type { DialectFaults } from '../protocol.ts';
import { answerHeaders } from '../fault-headers.ts';
import { openaiError, openaiFaults } from '../openai-chat/fault.ts';

/** The numbers of a stream that we only pass on are not ours to continue; SDKs want a number, none looks at it here. */
const SEQUENCE_NUMBER = 0;

export const openaiResponsesFaults: DialectFaults = {
  dialect: 'openai_responses',
  shape: (answer, requestId) => openaiFaults.shape(answer, requestId),
  // Unlike everywhere else, the fields stand at the top level of the event (wire-formats.md, section 5).
  event: (answer) => {
    const { code, message, param } = openaiError(answer);
    const data = { type: 'error', code, message, param, sequence_number: SEQUENCE_NUMBER };
    return `event: error\ndata: ${JSON.stringify(data)}\n\n`;
  },
};

/** A frame of a WebSocket, Responses or Realtime: there the object is nested, and has the status that HTTP would have. */
function errorFrame(answer: FaultAnswer): string {
  return JSON.stringify({ type: 'error', status: answer.status, error: openaiError(answer) });
}

export const openaiSocketFaults: DialectFaults = {
  dialect: 'openai_socket',
  shape: (answer) => ({ status: answer.status, headers: answerHeaders(answer), body: errorFrame(answer) }),
  event: (answer) => `event: error\ndata: ${errorFrame(answer)}\n\n`,
};
