import type { Caller, IdentitySource } from '../contract/caller.ts';
import type { Fault } from '../contract/fault.ts';
import { canonicalIp, ipRanges } from '../lib/ip.ts';
import { Lru } from '../lib/lru.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { LOOPBACK_LOGIN, isPlainLogin } from './login.ts';
import { decodeEncodedWords } from './rfc2047.ts';
import type { TokenDirectory } from './tokens.ts';
import type { Whois } from './whois-cache.ts';

export interface Connection {
  readonly remoteAddress: string;
  /** Lower-case names, in order. */
  readonly headers: readonly (readonly [string, string])[];
  /** Tokens of ours that the request carried, taken out of it (`takeTokens`). */
  readonly tokens?: readonly string[];
}

export interface Identifier {
  /** At once where the answer is known. Exactly one identity, or a fault that says why there is none. */
  identify(connection: Connection): Result<Caller, Fault> | Promise<Result<Caller, Fault>>;
}

export interface ListenerIdentity {
  sources: readonly IdentitySource[];
  /** CIDRs or addresses; throws where one is neither. */
  trustedProxies: readonly string[];
}

/** What an address is to a listener: judged once an address, then remembered. */
type Peer =
  | { kind: 'proxy' }
  | { kind: 'loopback' }
  | { kind: 'tailnet'; whois: Whois; address: string }
  | { kind: 'refused'; answer: Result<Caller, Fault> };

/** Addresses and proxied logins that one listener remembers; both are small, and cheap to find again. */
const REMEMBERED = 65_536;

/** Tailscale gives its nodes addresses from these two ranges only. */
const TAILNET = ipRanges(['100.64.0.0/10', 'fd7a:115c:a1e0::/48']);
const LOOPBACK = ipRanges(['127.0.0.0/8', '::1']);

const LOGIN_HEADER = 'tailscale-user-login';

/** What proxies say of those they speak for. `tailscale serve` always sends the second. */
const FORWARDED = new Set(['forwarded', 'x-forwarded-for', 'x-real-ip']);

const LOOPBACK_CALLER: Result<Caller, Fault> = ok({
  login: LOOPBACK_LOGIN,
  nodeId: '',
  nodeName: '',
  tags: [],
  groups: [],
  source: 'loopback',
  capabilities: {},
});

/** Else `tailscale serve` before a fresh checkout would make the whole tailnet its admin. */
const FORWARDED_BY_UNLISTED = nobody('a proxy that server.trusted_proxies does not list has forwarded it');

/**
 * Who calls, on one listener. A listed proxy vouches for others and has no identity of its own; loopback means "this
 * machine" only where no proxy is listed and none says that it forwarded the request; a tailnet address is whoever
 * whois says; all else is nobody. Identity headers from anyone but a listed proxy mean nothing.
 *
 * On a listener that takes tokens, a request with a token of ours is the token's, and never anybody else's: who shows a
 * credential means it, and a refused one is a refusal, not a way back to the identity of the network. What the network
 * says goes along, for the kill switch alone. On other listeners tokens mean nothing.
 */
export function createIdentifier(input: {
  listener: ListenerIdentity;
  whois?: Whois | undefined;
  /** Needed where the listener takes tokens; without it none is known. */
  tokens?: TokenDirectory | undefined;
}): Identifier {
  const { listener, whois, tokens } = input;
  const proxies = ipRanges(listener.trustedProxies);
  const accepts = new Set(listener.sources);
  const peers = new Lru<string, Peer>(REMEMBERED);
  const proxied = new Lru<string, Result<Caller, Fault>>(REMEMBERED);

  function refusedHere(why: string): Peer {
    return refusedPeer(accepts.has('token') ? `${why}, and the request has no token of this gateway` : why);
  }

  function judge(remoteAddress: string): Peer {
    const address = canonicalIp(remoteAddress);
    if (address === undefined) return refusedHere('the connection has no IP address');
    if (proxies.has(address)) {
      // Its own identity would stand for everybody behind it.
      return accepts.has('proxy_headers')
        ? { kind: 'proxy' }
        : refusedHere('it comes from a trusted proxy, and this listener takes no identity from proxies');
    }
    if (LOOPBACK.has(address)) {
      if (!accepts.has('loopback')) return refusedHere('this listener does not take loopback as an identity');
      // Whoever is behind a proxy on this machine would else be the machine itself.
      return proxies.empty
        ? { kind: 'loopback' }
        : refusedHere('loopback is no identity where trusted proxies are configured');
    }
    if (TAILNET.has(address) && accepts.has('tailscale')) {
      return whois === undefined
        ? refusedHere('the gateway is not connected to tailscaled')
        : { kind: 'tailnet', whois, address };
    }
    return refusedHere('its address has no identity on this listener');
  }

  function fromProxy(connection: Connection): Result<Caller, Fault> {
    const raw = onlyValue(connection, LOGIN_HEADER);
    if (raw === undefined) {
      return nobody('the trusted proxy sent no Tailscale-User-Login, or more than one');
    }
    const known = proxied.get(raw);
    if (known !== undefined) return known;
    const login = decodeEncodedWords(raw)?.trim();
    const answer =
      login === undefined || !isPlainLogin(login)
        ? nobody('the trusted proxy sent a Tailscale-User-Login that is no login')
        : ok<Caller>({
            login,
            nodeId: '',
            nodeName: '',
            tags: [],
            groups: [],
            source: 'proxy_headers',
            capabilities: {},
          });
    proxied.set(raw, answer);
    return answer;
  }

  function fromNetwork(connection: Connection): Result<Caller, Fault> | Promise<Result<Caller, Fault>> {
    let peer = peers.get(connection.remoteAddress);
    if (peer === undefined) {
      peer = judge(connection.remoteAddress);
      peers.set(connection.remoteAddress, peer);
    }
    switch (peer.kind) {
      case 'proxy':
        return fromProxy(connection);
      case 'loopback':
        return connection.headers.some(([name]) => FORWARDED.has(name)) ? FORWARDED_BY_UNLISTED : LOOPBACK_CALLER;
      case 'tailnet':
        return peer.whois.of(peer.address);
      case 'refused':
        return peer.answer;
    }
  }

  return {
    identify(connection) {
      const presented = connection.tokens ?? [];
      if (tokens === undefined || presented.length === 0 || !accepts.has('token')) return fromNetwork(connection);
      const bearer = tokens.callerOf(presented);
      if (!bearer.ok) return bearer;
      const network = fromNetwork(connection);
      return network instanceof Promise
        ? network.then((sender) => sentBy(bearer.value, sender))
        : sentBy(bearer.value, network);
    },
  };
}

/** The token's caller, with who the network says sent it. */
function sentBy(bearer: Caller, sender: Result<Caller, Fault>): Result<Caller, Fault> {
  if (!sender.ok) return ok(bearer);
  const { login, nodeId, tags } = sender.value;
  return ok({ ...bearer, network: { login, nodeId, tags } });
}

/** A header's value where it was sent exactly once: with two, nobody can say which one the proxy meant. */
function onlyValue(connection: Connection, name: string): string | undefined {
  let found: string | undefined;
  for (const [header, value] of connection.headers) {
    if (header !== name) continue;
    if (found !== undefined) return undefined;
    found = value;
  }
  return found;
}

function nobody(why: string): Result<Caller, Fault> {
  return failed({ code: 'no_identity', why });
}

function refusedPeer(why: string): Peer {
  return { kind: 'refused', answer: nobody(why) };
}
