import type { DialectFaults } from '../protocol.ts';
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
