import type { Caller } from '../contract/caller.ts';
import type { Revocation, TokenEntry } from '../contract/control.ts';
import type { Fault } from '../contract/fault.ts';
import type { Result } from '../lib/result.ts';

/**
 * Where admins' decisions on tokens and revocations are kept. A change is answered once it holds everywhere that it is
 * stored; running processes hear of it with the next snapshot. Faults: `not_found` for an id that nobody has,
 * `store_unavailable` when nothing could be changed.
 */
export interface ControlDesk {
  /** All of them, the newest last; revoked and expired ones too. */
  tokens(): Promise<Result<readonly TokenEntry[], Fault>>;
  createToken(entry: TokenEntry, caller: Caller): Promise<Result<void, Fault>>;
  /** For good. One that is revoked already stays so. */
  revokeToken(id: string, caller: Caller): Promise<Result<void, Fault>>;
  /** All that were not lifted, the newest last; those that ran out too. */
  revocations(): Promise<Result<readonly Revocation[], Fault>>;
  addRevocation(revocation: Revocation, caller: Caller): Promise<Result<void, Fault>>;
  liftRevocation(id: string, caller: Caller): Promise<Result<void, Fault>>;
}
