import { unreachable } from '../lib/result.ts';

/** Where a request of the gateway's own goes: from config alone, parsed once. */
export interface EgressTarget {
  /** Scheme, host and port, and nothing else. */
  origin: string;
  /** Path and query of the request line. Secret: an operator may have put a token into it. */
  path: string;
  /** Host, and port where it is not the scheme's own: what messages may say. */
  host: string;
  /** The config says that plain http is meant even where the address is a public one. */
  plainHttp: boolean;
}

/** A request to one of the operator's own destinations: a hook, a webhook, an object store, an issuer of tokens. */
export interface EgressRequest {
  /** The destination's name in the config: what is bounded together. */
  destination: string;
  target: EgressTarget;
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** May hold secrets. */
  headers: readonly (readonly [string, string])[];
  body: string | Uint8Array | null;
  /** From the call to the whole answer: looking up, connecting and waiting included. */
  totalMs: number;
  /** From the call to the answer's head; at most `totalMs`. */
  firstByteMs: number;
  /** How much of the answer's body is read. */
  answerBytes: number;
  /** Nobody waits for the answer any more: the call is broken off. */
  signal?: AbortSignal;
}

export interface EgressAnswer {
  /** Any, redirects included: they are told and never followed. */
  status: number;
  /** Lower-case names. */
  headers: [string, string][];
  /** At most `answerBytes`. */
  body: Uint8Array;
  /** The body was longer: the connection was closed there. */
  cut: boolean;
}

/** Why there is no answer. Nothing of it is secret. */
export type EgressFault =
  /** No address of the host may be connected to; `address` is the first of those that were looked at. */
  | { code: 'address_refused'; host: string; address: string }
  /** http, to a public address, without the config saying that this is meant. */
  | { code: 'plain_http'; host: string; address: string }
  /** The same of a connection without TLS that is no http. */
  | { code: 'plain_tcp'; host: string; address: string }
  | { code: 'unresolved'; host: string; why: string }
  /** No connection, or one that is not who it should be: nothing was sent. */
  | { code: 'unreachable'; host: string; why: string }
  | { code: 'timeout'; host: string; phase: 'connect' | 'first_byte' | 'total'; afterMs: number }
  /** It broke when something may have been sent. */
  | { code: 'broken'; host: string; why: string }
  /** As many requests as are allowed run to this destination. */
  | { code: 'busy'; destination: string; limit: number }
  /** By whoever asked, who does not wait any more. */
  | { code: 'given_up'; host: string };

/** The fault as a sentence for operators. */
export function egressFaultText(fault: EgressFault): string {
  switch (fault.code) {
    case 'address_refused':
      return `${fault.host} is at ${fault.address}, which is not a public address and not in server.egress.allow`;
    case 'plain_http':
      return `${fault.host} is at the public address ${fault.address}, and plain http is not allowed there`;
    case 'plain_tcp':
      return `${fault.host} is at the public address ${fault.address}, and a connection without TLS is not allowed there`;
    case 'unresolved':
      return `the name of ${fault.host} was not resolved: ${fault.why}`;
    case 'unreachable':
      return `${fault.host} could not be reached: ${fault.why}`;
    case 'timeout':
      return `${fault.host} did not answer within ${fault.afterMs} ms (${fault.phase})`;
    case 'broken':
      return `the connection to ${fault.host} broke: ${fault.why}`;
    case 'busy':
      return `${fault.limit} requests to ${fault.destination} are under way`;
    case 'given_up':
      return `nobody waited for ${fault.host} any more`;
    default:
      return unreachable(fault);
  }
}
