import type { ClientSockets } from '../front/client-sockets.ts';
import type { LiveExchanges } from '../front/live.ts';
import type { ProcessState } from '../front/services.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Listeners } from './listeners.ts';

/** `server.drain`. */
export interface DrainSettings {
  /** Not ready any more, and still listening: so that who sends traffic notices. */
  noticeMs: number;
  /** Then requests may go on this long. */
  withinMs: number;
}

export interface DrainParts {
  state: ProcessState;
  listeners: Pick<Listeners, 'dismiss' | 'openRequests' | 'stopListening' | 'close'>;
  live: Pick<LiveExchanges, 'size' | 'endAll'>;
  sockets: Pick<ClientSockets, 'dismiss'>;
  clock: Clock;
  log: Log;
}

/** No request for this long: a connection that was just accepted has sent its first by then, a dismissed client has gone. */
const QUIET_MS = 200;

/** What the gateway itself ends has this long to reach its client. */
const ENDS_WITHIN_MS = 1_000;

const LOG_EVERY_MS = 5_000;
const POLL_MS = 20;

/** A turn of the event loop that took no longer had nobody else to serve. */
const IDLE_TURN_MS = 0.3;
const IDLE_TURN_WITHIN_MS = 100;

/**
 * Lets every client go, the gateway's readiness first. Whatever comes on a connection that is open is answered, with the
 * word to open another next time: where another process listens on the same port, that is where the client goes.
 * Resolves when nobody is connected any more, with the number of requests that were cut.
 */
export async function letClientsGo(parts: DrainParts, { noticeMs, withinMs }: DrainSettings): Promise<number> {
  const { state, listeners, live, sockets, clock, log } = parts;
  state.phase = 'draining';
  listeners.dismiss();
  log.info({ requests: listeners.openRequests, noticeMs, withinMs }, 'draining: not ready any more');
  await wait(noticeMs);

  await idleTurn(clock);
  listeners.stopListening();
  // Only now: who is let go comes back at once, and must not come here.
  sockets.dismiss();
  log.info({ requests: listeners.openRequests }, 'draining: not listening any more');
  const quiet = await requestsEnd(parts, withinMs);

  const cut = quiet ? 0 : runningIn(parts);
  state.phase = 'ending';
  if (cut > 0) {
    log.warn({ cut, withinMs }, 'draining: requests are cut, as server.drain.within is over');
    live.endAll({ code: 'draining' });
    const untilMs = clock.nowMs() + ENDS_WITHIN_MS;
    while (listeners.openRequests > 0 && clock.nowMs() < untilMs) await wait(POLL_MS);
  }
  listeners.close();
  return cut;
}

/** Those that come or go, and those that only the journal still waits for. */
function runningIn({ listeners, live }: DrainParts): number {
  return Math.max(listeners.openRequests, live.size);
}

/** True once there was no request for a while; false when time is up first. */
async function requestsEnd(parts: DrainParts, withinMs: number): Promise<boolean> {
  const { clock, log } = parts;
  const beganAtMs = clock.nowMs();
  let busyAtMs = beganAtMs;
  let toldAtMs = beganAtMs;
  for (;;) {
    const nowMs = clock.nowMs();
    const requests = runningIn(parts);
    if (requests > 0) busyAtMs = nowMs;
    if (nowMs - busyAtMs >= QUIET_MS) return true;
    if (nowMs - beganAtMs >= withinMs) return requests === 0;
    if (nowMs - toldAtMs >= LOG_EVERY_MS) {
      toldAtMs = nowMs;
      log.info({ requests, leftMs: withinMs - (nowMs - beganAtMs) }, 'draining: requests are still running');
    }
    await wait(POLL_MS);
  }
}

/**
 * Resolves at the end of a turn of the event loop that had little to do. Whatever connections waited to be accepted were
 * accepted in it a moment ago; those that still wait as a socket stops listening are reset, unless the system hands them
 * to the other process (`net.ipv4.tcp_migrate_req`).
 */
async function idleTurn(clock: Clock): Promise<void> {
  const untilMs = clock.nowMs() + IDLE_TURN_WITHIN_MS;
  for (;;) {
    const beganAtMs = clock.nowMs();
    await new Promise((resolve) => setImmediate(resolve));
    const endedAtMs = clock.nowMs();
    if (endedAtMs - beganAtMs <= IDLE_TURN_MS || endedAtMs >= untilMs) return;
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
