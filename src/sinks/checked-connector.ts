import { lookup as systemLookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { buildConnector } from 'undici';
import type { EgressFault } from '../contract/egress.ts';
import type { AddressPolicy } from './addresses.ts';

/** All addresses of a name, in the order in which they are to be tried; rejects where it has none. */
export type Resolve = (name: string) => Promise<string[]>;

/** As the system says: /etc/hosts and MagicDNS included. */
export const systemResolve: Resolve = async (name) =>
  (await systemLookup(name, { all: true })).map(({ address }) => address);

/** A connection that was not opened, with the reason: what a socket's error carries out of undici. */
export class NotConnected extends Error {
  readonly fault: EgressFault;

  constructor(fault: EgressFault) {
    super(fault.code);
    this.fault = fault;
  }
}

/** What a connection is for: whether it is encrypted decides which addresses it may go to. */
export type Protocol = 'https:' | 'http:' | 'tls:' | 'tcp:';

export interface JudgeOptions {
  policy: AddressPolicy;
  resolve: Resolve;
  /** Whether what is not encrypted may go to public addresses. */
  plain: boolean;
}

export interface ConnectorOptions extends JudgeOptions {
  connectMs: number;
  /** PEM of further authorities. */
  ca: string | undefined;
}

/**
 * Opens connections to judged addresses alone. The addresses that were judged are those that the socket connects to: a
 * name that is resolved again a moment later may say what it likes. TLS and the `host` header keep the name.
 */
export function checkedConnector(options: ConnectorOptions): buildConnector.connector {
  const connectors = { 'https:': connectorFor('https:', options), 'http:': connectorFor('http:', options) };
  return (wanted, callback) => {
    const protocol = wanted.protocol === 'https:' ? 'https:' : 'http:';
    const refused = refusedAddress(wanted.hostname, protocol, options);
    if (refused === undefined) connectors[protocol](wanted, callback);
    else callback(refused, null);
  };
}

/** Sockets look up names only: an address that stands in place of a name is judged here, before a socket is opened. */
export function refusedAddress(host: string, protocol: Protocol, options: JudgeOptions): NotConnected | undefined {
  if (isIP(host) === 0) return undefined;
  const usable = usableOf([host], host, protocol, options);
  return usable instanceof NotConnected ? usable : undefined;
}

function connectorFor(protocol: Protocol, options: ConnectorOptions): buildConnector.connector {
  const { ca } = options;
  return buildConnector({
    timeout: options.connectMs,
    lookup: judgedLookup(protocol, options),
    autoSelectFamily: true,
    ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
  });
}

/** What a socket looks up names with: it gets addresses that it may connect to, and no others. */
export function judgedLookup(protocol: Protocol, options: JudgeOptions): LookupFunction {
  return (name, { all }, callback) => {
    const fail = (fault: EgressFault): void => {
      callback(new NotConnected(fault), []);
    };
    options.resolve(name).then(
      (addresses) => {
        const usable = usableOf(addresses, name, protocol, options);
        if (usable instanceof NotConnected) fail(usable.fault);
        else {
          const found = usable.map((address) => ({ address, family: isIP(address) }));
          if (all === true) callback(null, found);
          else callback(null, found[0]?.address ?? '', found[0]?.family);
        }
      },
      (error: unknown) => {
        const why = error instanceof Error && 'code' in error ? String(error.code) : 'no answer';
        fail({ code: 'unresolved', host: name, why });
      },
    );
  };
}

/** Those of a host's addresses that may be connected to; where there is none, why. */
function usableOf(
  addresses: readonly string[],
  host: string,
  protocol: Protocol,
  { policy, plain }: JudgeOptions,
): string[] | NotConnected {
  const judged = addresses.map((address) => ({ address, judgement: policy.judge(address, host) }));
  const reachable = judged.filter(({ judgement }) => judgement !== 'refused');
  const anywhere = plain || protocol === 'https:' || protocol === 'tls:';
  const usable = reachable.filter(({ judgement }) => anywhere || judgement === 'allowed');
  if (usable.length > 0) return usable.map(({ address }) => address);
  const [first = judged[0]] = reachable;
  if (first === undefined) return new NotConnected({ code: 'unresolved', host, why: 'it has no address' });
  const { judgement, address } = first;
  if (judgement === 'refused') return new NotConnected({ code: 'address_refused', host, address });
  return new NotConnected({ code: protocol === 'tcp:' ? 'plain_tcp' : 'plain_http', host, address });
}
