import type { Dialect } from '../contract/api.ts';
import { answerTo } from '../contract/fault.ts';
import type { Fault } from '../contract/fault.ts';
import { anthropicFaults } from './anthropic-messages/fault.ts';
import { awsFaults } from './bedrock/fault.ts';
import { googleFaults } from './gemini/fault.ts';
import { openaiFaults } from './openai-chat/fault.ts';
import { openaiResponsesFaults, openaiSocketFaults } from './openai-responses/fault.ts';
import { plainFaults } from './plain-fault.ts';
import type { DialectFaults, ShapedFault } from './protocol.ts';

const FAULTS: Record<Dialect, DialectFaults> = {
  openai: openaiFaults,
  openai_responses: openaiResponsesFaults,
  openai_socket: openaiSocketFaults,
  anthropic: anthropicFaults,
  google: googleFaults,
  aws: awsFaults,
  plain: plainFaults,
};

/**
 * Our own error in a caller's shape (wire-formats.md, section 12). The headers hold all that belongs to the answer except
 * `x-request-id` and `content-length`, which every response of the front door has.
 */
export function shapeFault(dialect: Dialect, fault: Fault, requestId: string): ShapedFault {
  return FAULTS[dialect].shape(answerTo(fault), requestId);
}

/**
 * The event that ends a stream which we have to break off; undefined where the dialect has none, and the connection must
 * be reset instead. Before text, the caller writes a blank line, in case the last event is half written; a frame can only
 * stand behind a whole one. Not for Gemini's array streams.
 */
export function faultEvent(dialect: Dialect, fault: Fault, requestId: string): string | Uint8Array | undefined {
  return FAULTS[dialect].event(answerTo(fault), requestId);
}
