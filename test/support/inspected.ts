import type { Api } from '../../src/contract/api.ts';
import type { Facts } from '../../src/contract/facts.ts';
import type { FromInspector, PricingSlice, ToInspector } from '../../src/contract/messages.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { Inspector } from '../../src/inspect/inspector.ts';
import { assemble } from '../../src/records/assemble.ts';
import { closed, opened } from '../records/parts.ts';
import { table } from '../pricing/support.ts';
import { exchangeIdAt } from './ids.ts';
import { TEST_TIME_MS } from './records.ts';

/** One exchange with a provider, as the wire saw it. */
export interface Seen {
  api: Api;
  path: string;
  provider: string;
  model: string;
  request: string;
  status: number;
  contentType: string;
  response: Uint8Array;
}

/** The record of an exchange, by the inspector, the prices and the assembler that the gateway has. */
export async function inspected(seen: Seen, pricing: PricingSlice): Promise<ExchangeRecord> {
  const open = opened({
    id: exchangeIdAt(TEST_TIME_MS),
    received_at_ms: TEST_TIME_MS,
    api: seen.api,
    path: seen.path,
    provider: seen.provider,
    model: seen.model,
  });
  const facts = await new Promise<Facts>((resolve, reject) => {
    const inspector = new Inspector(table, (message: FromInspector) => {
      if (message.kind !== 'inspected') return;
      if (message.outcome.ok) resolve(message.outcome.value);
      else reject(new Error(JSON.stringify(message.outcome.fault)));
    });
    const exchange = open.id;
    const messages: ToInspector[] = [
      { kind: 'world', world: open.world, pricing },
      { kind: 'open', opened: open, mode: 'watch' },
      { kind: 'request', exchange, bytes: new TextEncoder().encode(seen.request) },
      { kind: 'head', exchange, status: seen.status, headers: [['content-type', seen.contentType]] },
      { kind: 'bytes', exchange, bytes: new Uint8Array(seen.response) },
      { kind: 'end', exchange, how: 'complete' },
    ];
    for (const message of messages) inspector.take(message);
  });
  const end = closed({ status: seen.status, ended_at_ms: TEST_TIME_MS + 900, first_byte_at_ms: TEST_TIME_MS + 200 });
  return assemble({ opened: open, closed: end, facts, gateway: 'gateway-a', segment: 1 });
}
