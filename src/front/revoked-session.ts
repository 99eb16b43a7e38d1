import { subjectOf } from '../access/revocations.ts';
import type { Subject } from '../access/revocations.ts';
import { SCAN_ON_MAIN_BYTES } from '../contract/limits.ts';
import { sessionOf } from '../inspect/session.ts';
import type { KillSwitch } from './kill-switch.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';

const NO_BODY = new Uint8Array(0);

/**
 * The session of a request that is about to be sent, where some session is revoked: its body is read for it once more,
 * which otherwise only inspectors do. Of a large body only the headers are looked at here; an inspector reads it whole
 * and reports it.
 */
export function sessionSubjects(
  killSwitch: KillSwitch,
  { request, caller }: Arrival,
  { protocol }: ExchangeEndpoint,
  decoded: Uint8Array,
): Subject[] {
  if (!killSwitch.judgesSessions) return [];
  const { method, path, headers } = request;
  const body = decoded.byteLength <= SCAN_ON_MAIN_BYTES ? decoded : NO_BODY;
  const facts = protocol.readRequest({ method, path, query: '', headers: new Map(headers), body });
  const { login, nodeId } = caller;
  return [subjectOf('session', sessionOf({ request: facts, headers, login, nodeId, api: protocol.api }).base)];
}
