import type { FrontSocket } from '../front/socket.ts';
import { readKeyPair } from '../front/key-pair.ts';
import type { KeyPair } from '../front/key-pair.ts';
import type { NodeStatus } from '../identity/node-status.ts';
import type { LocalApi } from '../identity/tailscale.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { failed, ok, unreachable } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { Listener } from '../../config/slices.ts';
import type { NodeCertificate } from './node-certificate.ts';

/** How often addresses and certificates are looked at: one small question on a Unix socket, two small files. */
const FOLLOW_EVERY_MS = 3_000;

const USERSPACE = 'tailscaled runs in userspace mode, so its addresses are on no interface: use "tailscale serve"';

export interface ListenersParts {
  listeners: readonly Listener[];
  /** Makes the socket of one address, not listening yet; throws where the key pair cannot be used. */
  socket: (listener: number, keyPair: KeyPair | undefined) => FrontSocket;
  localApi: Pick<LocalApi, 'node'>;
  certificate: Pick<NodeCertificate, 'current'>;
  log: Log;
}

/** What listens on one address. */
interface Opened {
  socket: FrontSocket;
  port: number;
  /** Of the key pair; undefined: plain HTTP. */
  version: string | undefined;
}

/** One listener of the config. */
interface Site {
  index: number;
  listener: Listener;
  /** By address: the tailnet gives a node more than one. */
  open: Map<string, Opened>;
  /**
   * Not listening now, perhaps with connections that still run. Taken again for the next address, as uWebSockets.js
   * never frees one; those of old certificates stay, a handful a year.
   */
  idle: Omit<Opened, 'port'>[];
  /** Why it does not listen, or cannot know where. */
  why: string | undefined;
  /** What is wrong now, by address, or 'addresses' or 'certificate'. */
  problems: Map<string, string>;
}

/**
 * Owns the sockets that the gateway listens on. A listener on `tailscale:` has a socket on each address of this node
 * and follows them; a renewed certificate is taken up by its socket, or gets a new one on the same port (uWebSockets.js
 * cannot change it, and shares ports), and the old one stops listening. In both cases the connections that are open live on.
 */
export class Listeners {
  readonly #parts: ListenersParts;
  readonly #sites: Site[];
  #dismissed = false;
  #tailnet = '';
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ListenersParts) {
    this.#parts = parts;
    this.#sites = parts.listeners.map((listener, index) => {
      return { index, listener, open: new Map(), idle: [], why: undefined, problems: new Map() };
    });
  }

  /** Rejects where a listener that depends on nobody else cannot listen: address taken, no certificate. */
  async start(): Promise<void> {
    await this.#refresh();
    for (const { listener, why } of this.#sites) {
      if (why !== undefined && !needsNode(listener)) throw new Error(`listener ${listener.address.text}: ${why}`);
    }
    if (this.#sites.some(({ listener }) => needsNode(listener) || listener.tls !== undefined)) this.#follow();
  }

  /** Why a listener does not listen, by its name in readiness. */
  away(): Record<string, string> {
    return Object.fromEntries(
      this.#sites.flatMap(({ listener, why }) =>
        why === undefined ? [] : [[`listener ${listener.address.text}`, why]],
      ),
    );
  }

  /** Name of the tailnet of this node; empty where none of the listeners has to know. */
  get tailnet(): string {
    return this.#tailnet;
  }

  /** In the order of the config. */
  urls(): string[] {
    return this.#sites.flatMap(({ listener, open }) =>
      [...open].map(([host, { port }]) => {
        return `${listener.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
      }),
    );
  }

  /** Tells each client that asks for something to come with a new connection next time. */
  dismiss(): void {
    this.#dismissed = true;
    for (const socket of this.#sockets()) socket.dismiss();
  }

  /** Requests whose responses are not over. */
  get openRequests(): number {
    return this.#sockets().reduce((sum, { open }) => sum + open, 0);
  }

  stopListening(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const site of this.#sites) for (const host of [...site.open.keys()]) retire(site, host);
  }

  /** Ends every connection. */
  close(): void {
    this.stopListening();
    for (const { idle } of this.#sites) for (const { socket } of idle.splice(0)) socket.close();
  }

  #sockets(): FrontSocket[] {
    return this.#sites.flatMap(({ open, idle }) => [...open.values(), ...idle].map(({ socket }) => socket));
  }

  #follow(): void {
    this.#timer = setTimeout(() => {
      void this.#refresh()
        .catch((error: unknown) => {
          this.#parts.log.error({ error: errorChain(error) }, 'following listen addresses failed');
        })
        .then(() => {
          if (!this.#stopped) this.#follow();
        });
    }, FOLLOW_EVERY_MS);
    this.#timer.unref();
  }

  async #refresh(): Promise<void> {
    const node: NodeStatus = this.#sites.some(({ listener }) => needsNode(listener))
      ? await this.#parts.localApi.node()
      : { kind: 'away', why: 'nobody asked' };
    if (node.kind === 'running') this.#tailnet = node.tailnet;
    for (const site of this.#sites) {
      if (this.#stopped) return;
      site.why = await this.#bring(site, node);
    }
  }

  /** Brings one listener to what it should be; answers what keeps it from that. What cannot be known stays as it is. */
  async #bring(site: Site, node: NodeStatus): Promise<string | undefined> {
    const hosts = hostsOf(site.listener, node);
    this.#note(site, 'addresses', hosts.ok ? undefined : hosts.fault);
    if (!hosts.ok) return hosts.fault;
    const pair = await this.#keyPairOf(site.listener, node);
    this.#note(site, 'certificate', pair.ok ? undefined : pair.fault);
    // Files are found half written while they are renewed: until then the old pair serves.
    if (!pair.ok) return site.open.size > 0 ? undefined : pair.fault;
    for (const host of hosts.value) this.#note(site, host, await this.#listen(site, host, pair.value));
    for (const host of [...site.open.keys()]) {
      if (hosts.value.includes(host)) continue;
      retire(site, host);
      this.#parts.log.info({ listener: site.listener.address.text, address: host }, 'stopped listening');
    }
    for (const host of [...site.problems.keys()]) if (!hosts.value.includes(host)) site.problems.delete(host);
    // Some of its addresses do: the others may be of a family that the machine has turned off.
    return site.open.size > 0 || this.#stopped ? undefined : [...site.problems.values()].join(', ');
  }

  async #keyPairOf({ tls }: Listener, node: NodeStatus): Promise<Result<KeyPair | undefined, string>> {
    switch (tls?.kind) {
      case undefined:
        return ok(undefined);
      case 'files':
        return readKeyPair(tls.certFile, tls.keyFile);
      case 'tailscale':
        if (node.kind === 'away') return failed(node.why);
        if (node.dnsName === undefined) return failed('this node has no MagicDNS name');
        return this.#parts.certificate.current(node.dnsName);
      default:
        return unreachable(tls);
    }
  }

  /** Answers why the address could not be opened. */
  async #listen(site: Site, host: string, pair: KeyPair | undefined): Promise<string | undefined> {
    const before = site.open.get(host);
    if (before !== undefined && before.version === pair?.version) return undefined;
    if (before !== undefined && pair !== undefined) {
      const renewed = this.#renewed(before.socket, pair);
      if (!renewed.ok) return renewed.fault;
      if (renewed.value) {
        before.version = pair.version;
        this.#logListening(site, host, pair);
        return undefined;
      }
    }
    const socket = this.#socket(site, pair);
    if (!socket.ok) return socket.fault;
    const opened = { socket: socket.value, version: pair?.version };
    try {
      if (this.#dismissed) opened.socket.dismiss();
      const port = await opened.socket.listen(host, before?.port ?? site.listener.address.port);
      // Only now: nobody finds the port closed.
      retire(site, host);
      site.open.set(host, { ...opened, port });
    } catch (error) {
      site.idle.push(opened);
      return errorChain(error);
    }
    // Asked to stop meanwhile.
    if (this.#stopped) retire(site, host);
    this.#logListening(site, host, pair);
    return undefined;
  }

  #logListening(site: Site, host: string, pair: KeyPair | undefined): void {
    const expires = pair === undefined ? {} : { certificateExpires: new Date(pair.expiresAtMs).toISOString() };
    this.#parts.log.info({ listener: site.listener.address.text, address: host, ...expires }, 'listening');
  }

  #renewed(socket: FrontSocket, pair: KeyPair): Result<boolean, string> {
    try {
      return ok(socket.renew(pair));
    } catch (error) {
      return failed(notTaken(pair, error));
    }
  }

  #socket(site: Site, pair: KeyPair | undefined): Result<FrontSocket, string> {
    const at = site.idle.findIndex(({ version }) => version === pair?.version);
    const [known] = at < 0 ? [] : site.idle.splice(at, 1);
    if (known !== undefined) return ok(known.socket);
    try {
      return ok(this.#parts.socket(site.index, pair));
    } catch (error) {
      return failed(notTaken(pair, error));
    }
  }

  /** Says a problem once, until it changes or goes. */
  #note(site: Site, about: string, why: string | undefined): void {
    if (why !== undefined && site.problems.get(about) !== why) {
      this.#parts.log.warn({ listener: site.listener.address.text, about, why }, 'not listening as configured');
    }
    if (why === undefined) site.problems.delete(about);
    else site.problems.set(about, why);
  }
}

function notTaken(pair: KeyPair | undefined, error: unknown): string {
  return `the socket layer does not take the key pair of ${pair?.certFile ?? 'none'}: ${errorChain(error)}`;
}

/** Connections that are open live on. */
function retire({ open, idle }: Site, host: string): void {
  const opened = open.get(host);
  if (opened === undefined) return;
  open.delete(host);
  opened.socket.stopListening();
  idle.push({ socket: opened.socket, version: opened.version });
}

function needsNode({ address, tls }: Listener): boolean {
  return address.kind === 'tailscale' || tls?.kind === 'tailscale';
}

function hostsOf({ address }: Listener, node: NodeStatus): Result<readonly string[], string> {
  if (address.kind === 'tcp') return ok([address.host]);
  if (node.kind === 'away') return failed(node.why);
  return node.userspace ? failed(USERSPACE) : ok(node.addresses);
}
