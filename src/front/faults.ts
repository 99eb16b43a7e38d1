import type { Fault } from '../contract/fault.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';

/** A thrown error is a bug of ours: logged whole here, and only its reference goes to the caller. */
export function faultOf(log: Log, error: unknown, id: ExchangeId): Fault {
  log.error(
    { exchange: id, error: errorChain(error), stack: error instanceof Error ? error.stack : '' },
    'internal error',
  );
  return { code: 'internal', reference: id };
}
