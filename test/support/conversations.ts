import { createHash } from 'node:crypto';
import type { ExchangeRecord, History } from '../../src/contract/record.ts';
import { idAt } from './ids.ts';
import { aRecord, TEST_TIME_MS } from './records.ts';

/** Of a conversation that its content tells apart. */
export const BASE = 'oacc_00112233445566aa';

/** A chain of hashes over these messages, made here: the store compares links and knows nothing of how they came. */
export function historyOf(messages: readonly string[]): History {
  const chain = messages.map((_, index) =>
    createHash('sha256')
      .update(JSON.stringify(messages.slice(0, index + 1)))
      .digest('hex')
      .slice(0, 16),
  );
  return { messages: messages.length, chain: chain.slice(-64) };
}

/** A request that carries these messages, accepted so many seconds after the test's time. */
export function aTurn(
  atSeconds: number,
  messages: readonly string[],
  change: Partial<ExchangeRecord> = {},
): ExchangeRecord {
  const received_at = TEST_TIME_MS + atSeconds * 1000;
  return aRecord({
    received_at,
    id: idAt(received_at),
    session_base: BASE,
    session_id: BASE,
    history: historyOf(messages),
    tool_calls: [],
    ...change,
  });
}
