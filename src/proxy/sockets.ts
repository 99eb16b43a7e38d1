import type { Clock } from '../lib/clock.ts';
import { Lru } from '../lib/lru.ts';
import type { Dial } from './dial-socket.ts';
import { dialSocket } from './dial-socket.ts';
import { TurnSockets } from './turn-sockets.ts';
import type { KnownNot, TurnSocketsOptions } from './turn-sockets.ts';
import type { Upstreams } from './upstream.ts';

/** Addresses without WebSockets that are remembered, and for how long: servers learn. */
const REMEMBERED = 1_024;
const REMEMBERED_MS = 10 * 60 * 1000;

export interface SocketsToProviders {
  turnSockets: (told: Pick<TurnSocketsOptions, 'onFrame' | 'onClosed' | 'onRefused'>) => TurnSockets;
  dial: Dial;
}

/** Where clients' WebSockets find the providers'. `posts` serves providers that know none. */
export function socketsToProviders(posts: Upstreams, connectTimeoutMs: number, clock: Clock): SocketsToProviders {
  const dial: Dial = (request, protocols, events) => dialSocket(request, protocols, connectTimeoutMs, events);
  const knownNot = rememberNot(clock);
  return { dial, turnSockets: (told) => new TurnSockets({ ...told, dial, posts, knownNot }) };
}

function rememberNot(clock: Clock): KnownNot {
  const until = new Lru<string, number>(REMEMBERED);
  return {
    has: (address) => (until.get(address) ?? 0) > clock.nowMs(),
    add: (address) => {
      until.set(address, clock.nowMs() + REMEMBERED_MS);
    },
  };
}
