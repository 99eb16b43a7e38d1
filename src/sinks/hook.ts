import type { EgressTarget } from '../contract/egress.ts';
import type { Destination } from './destination.ts';

/** A hook of the config that is told of exchanges when these are over. Holds its credential. */
export interface HookSettings {
  /** `hooks.audit` */
  destination: string;
  target: EgressTarget;
  headers: readonly (readonly [string, string])[];
  /** 0: no limit of the config's own. */
  timeoutMs: number;
}

/** Bodies on their way to hooks are larger than the outbox takes: they are kept beside it. */
export interface HookBodies {
  /** What the delivery tells; undefined where it is gone. */
  read(deliveryId: string): Promise<Uint8Array | undefined>;
}

/** Nobody reads what a hook answers to an event that is over. */
const ANSWER_BYTES = 1024;

/** Requests at once: each may have `HOOK_PAYLOAD_BYTES` in memory. */
const PARALLEL = 4;

/** Nobody waits for it, but a receiver that never answers must not hold its place for ever. */
const UNLIMITED_MS = 600_000;

/**
 * Tells a hook of exchanges that are over, as Aperture does: not signed, in no order. The headers are ours: which event
 * it is, which the body does not say, and an id to drop by what came twice.
 */
export function createHook(settings: HookSettings, bodies: HookBodies): Destination {
  const { destination, target, headers, timeoutMs } = settings;
  const totalMs = timeoutMs === 0 ? UNLIMITED_MS : timeoutMs;
  return {
    name: destination,
    parallel: PARALLEL,
    batch: { most: 1, waitMs: 0 },
    request: async ([{ id, kind }]) => {
      const body = await bodies.read(id);
      if (body === undefined) throw new Error('its body is kept no more');
      return {
        destination,
        target,
        method: 'POST',
        headers: [
          ['content-type', 'application/json'],
          ['user-agent', 'aperture-gateway'],
          ['x-aperture-event', kind],
          ['x-aperture-delivery', id],
          ...headers,
        ],
        body,
        totalMs,
        firstByteMs: totalMs,
        answerBytes: ANSWER_BYTES,
      };
    },
  };
}
