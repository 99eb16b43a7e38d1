import { readFile } from 'node:fs/promises';
import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, rootCertificates } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { EgressFault } from '../contract/egress.ts';
import type { Clock } from '../lib/clock.ts';
import { errorChain } from '../lib/log.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { addressPolicy } from './addresses.ts';
import { judgedLookup, NotConnected, refusedAddress, systemResolve } from './checked-connector.ts';
import type { Protocol, Resolve } from './checked-connector.ts';
import type { EgressSettings } from './egress.ts';

/** How a receiver is known, and how it knows us. Files are read at each connection: certificates are renewed under us. */
export interface DialTls {
  /** PEM of the authorities that are trusted, and no others; undefined: the public ones and `server.egress.ca_file`. */
  caFile: string | undefined;
  /** The name that the certificate has to have, where it is not the host's. */
  serverName: string | undefined;
  /** PEM files of a certificate of our own and its key. */
  client: { certFile: string; keyFile: string } | undefined;
}

/** Where a connection that is no http goes: from config alone. */
export interface DialTarget {
  host: string;
  port: number;
  /** `siem.example:6514`: what messages may say. */
  text: string;
  /** Undefined: without TLS. */
  tls: DialTls | undefined;
  /** The config says that a connection without TLS is meant even where the address is a public one. */
  plain: boolean;
}

export interface Dialed {
  /** What is written to and read from: with TLS, the encrypted side of `socket`. */
  stream: Socket;
  socket: Socket;
  /** How long a packet and its answer take, at most. */
  roundTripMs: number;
}

/** Opens connections to judged addresses alone, as `Egress` does for requests. */
export interface Dialer {
  /** Never rejects. A connection that is open both ways; what the other end closes, we close ourselves. */
  dial(target: DialTarget): Promise<Result<Dialed, EgressFault>>;
  /** Holds for connections from now on. */
  reconfigure(settings: EgressSettings): void;
}

export interface DialerOptions {
  /** Looking up a name, connecting, and agreeing on TLS. */
  connectMs: number;
  resolve: Resolve;
}

export const DIALER_DEFAULTS: DialerOptions = { connectMs: 5_000, resolve: systemResolve };

/** An idle connection whose other end is gone without a word is found dead within a minute. */
const KEEP_ALIVE_MS = 30_000;
const WHY_CHARACTERS = 300;

export function createDialer(settings: EgressSettings, clock: Clock, options = DIALER_DEFAULTS): Dialer {
  let current = settings;
  return {
    dial: async (target) => {
      let socket: Socket | undefined;
      try {
        const { allow, ca } = current;
        const tls = target.tls && (await tlsOptions(target, target.tls, ca));
        const dialed = openSocket(target, addressPolicy(allow), options.resolve);
        socket = dialed;
        return ok(await openedWithin(options.connectMs, opened(dialed, tls, clock)));
      } catch (error) {
        socket?.destroy();
        return failed(faultOf(error, target, options));
      }
    },
    reconfigure: (next) => {
      current = next;
    },
  };
}

/** @throws NotConnected where the host is an address that may not be connected to. */
function openSocket(target: DialTarget, policy: ReturnType<typeof addressPolicy>, resolve: Resolve): Socket {
  const { host, port, plain } = target;
  const protocol: Protocol = target.tls === undefined ? 'tcp:' : 'tls:';
  const judging = { policy, resolve, plain };
  const refused = refusedAddress(host, protocol, judging);
  if (refused !== undefined) throw refused;
  const socket = connect({
    host,
    port,
    lookup: judgedLookup(protocol, judging),
    autoSelectFamily: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    // What was on its way when the other end closed may be answered with a reset, which nobody hears who has closed too.
    allowHalfOpen: true,
  });
  // Whoever waits for something of it is told; an error that comes in between is seen by that it is closed.
  socket.on('error', () => undefined);
  return socket;
}

async function opened(socket: Socket, tls: ConnectionOptions | undefined, clock: Clock): Promise<Dialed> {
  let askedAtMs = clock.nowMs();
  socket.once('lookup', () => (askedAtMs = clock.nowMs()));
  await happens(socket, 'connect');
  const roundTripMs = clock.nowMs() - askedAtMs;
  if (tls === undefined) return { stream: socket, socket, roundTripMs };
  const stream = connectTls({ ...tls, socket });
  await happens(stream, 'secureConnect');
  return { stream, socket, roundTripMs };
}

/** Rejects with the error of a socket that fails first. */
function happens(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => {
      socket.off('error', reject);
      resolve();
    });
    socket.once('error', reject);
  });
}

class TooLate extends Error {}

async function openedWithin(ms: number, opening: Promise<Dialed>): Promise<Dialed> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TooLate());
    }, ms);
  });
  try {
    return await Promise.race([opening, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function tlsOptions(
  { host }: DialTarget,
  { caFile, serverName, client }: DialTls,
  ca: string | undefined,
): Promise<ConnectionOptions> {
  const further = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  return {
    host,
    // No name is asked for where there is only an address; the certificate then has to have the address.
    servername: serverName ?? (isIP(host) === 0 ? host : ''),
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(caFile === undefined ? further : { ca: await readFile(caFile) }),
    ...(client === undefined ? {} : { cert: await readFile(client.certFile), key: await readFile(client.keyFile) }),
  };
}

function faultOf(error: unknown, { text: host }: DialTarget, { connectMs }: DialerOptions): EgressFault {
  if (error instanceof NotConnected) return error.fault;
  if (error instanceof TooLate) return { code: 'timeout', host, phase: 'connect', afterMs: connectMs };
  return { code: 'unreachable', host, why: errorChain(error).slice(0, WHY_CHARACTERS) };
}
