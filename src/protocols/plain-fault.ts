import type { DialectFaults } from './protocol.ts';
import { answerHeaders } from './fault-headers.ts';

const SPEAKER = 'gateway: ';

/** Our own API and whoever speaks no provider's. Here it is plain who speaks, so the message does not say it. */
export const plainFaults: DialectFaults = {
  dialect: 'plain',
  shape: (answer) => {
    const error = answer.message.startsWith(SPEAKER) ? answer.message.slice(SPEAKER.length) : answer.message;
    // Aperture's clients know this body by heart (aperture.md, section 3.5).
    const body = answer.code === 'gateway_no_role' ? { error } : { error, code: answer.code };
    return { status: answer.status, headers: answerHeaders(answer), body: JSON.stringify(body) };
  },
  event: () => undefined,
};
