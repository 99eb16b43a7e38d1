import type { Usage, UsageState } from '../contract/usage.ts';
import type { ProviderFault } from './fault.ts';

/** What the client has been told about usage so far: moves along as the events leave. */
export interface Told {
  usage: Usage | null;
  state: Exclude<UsageState, 'estimated'>;
}

/** What a provider answers; how it gets there, or does not, is `delivery.ts`. Headers are flat: name, value, name, … */
export type Answer =
  | { kind: 'whole'; status: number; headers: string[]; body: string | Uint8Array; chunked: boolean }
  | {
      kind: 'stream';
      headers: string[];
      /** Each is made when it is about to leave: an answer of a million events takes no room. */
      events: Iterable<string>;
      /** What ends the stream; empty when nothing does. Made after the last event. */
      terminator: () => string;
      errorEvent: (fault: ProviderFault, eventsSent: number) => string;
      /** Comments may stand between events. */
      comments: boolean;
    };

export function whole(status: number, headers: string[], body: string | Uint8Array): Answer {
  return { kind: 'whole', status, headers, body, chunked: false };
}

/** From here on the client knows the provider's last word. */
export function tellAll(told: Told, usage: Usage): void {
  told.usage = usage;
  told.state = 'final';
}
