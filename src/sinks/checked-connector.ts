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

export interface ConnectorOptions {
  policy: AddressPolicy;
  resolve: Resolve;
  connectMs: number;
  /** PEM of further authorities. */
  ca: string | undefined;
  /** Whether plain http may go to public addresses. */
  plainHttp: boolean;
}

/**
 * Opens connections to judged addresses alone. The addresses that were judged are those that the socket connects to: a
 * name that is resolved again a moment later may say what it likes. TLS and the `host` header keep the name.
 */
export function checkedConnector(options: ConnectorOptions): buildConnector.connector {
  const connectors = { 'https:': connectorFor('https:', options), 'http:': connectorFor('http:', options) };
  return (wanted, callback) => {
    const connect = wanted.protocol === 'https:' ? connectors['https:'] : connectors['http:'];
    // Sockets look up names only: an address that stands in the URL is judged here.
    if (isIP(wanted.hostname) !== 0) {
      const usable = usableOf([wanted.hostname], wanted.hostname, wanted.protocol, options);
      if (usable instanceof NotConnected) {
        callback(usable, null);
        return;
      }
    }
    connect(wanted, callback);
  };
}

function connectorFor(protocol: string, options: ConnectorOptions): buildConnector.connector {
  const { ca } = options;
  return buildConnector({
    timeout: options.connectMs,
    lookup: judgedLookup(protocol, options),
    autoSelectFamily: true,
    ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
  });
}

function judgedLookup(protocol: string, options: ConnectorOptions): LookupFunction {
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
  protocol: string,
  { policy, plainHttp }: ConnectorOptions,
): string[] | NotConnected {
  const judged = addresses.map((address) => ({ address, judgement: policy.judge(address, host) }));
  const reachable = judged.filter(({ judgement }) => judgement !== 'refused');
  const usable = reachable.filter(({ judgement }) => protocol === 'https:' || plainHttp || judgement === 'allowed');
  if (usable.length > 0) return usable.map(({ address }) => address);
  const [first = judged[0]] = reachable;
  if (first === undefined) return new NotConnected({ code: 'unresolved', host, why: 'it has no address' });
  const code = first.judgement === 'refused' ? 'address_refused' : 'plain_http';
  return new NotConnected({ code, host, address: first.address });
}
