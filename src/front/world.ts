import type { GrantInput } from '../access/grant-input.ts';
import type { Access } from '../access/grants.ts';
import type { RulesSlice } from '../contract/guardrail.ts';
import type { PricingSlice } from '../contract/messages.ts';
import type { Provider } from '../contract/provider.ts';
import type { Identifier } from '../identity/identify.ts';
import type { Keys } from '../keys/provider-key.ts';
import type { CostBounds } from '../pricing/bound.ts';
import type { ExchangeTimeouts } from '../proxy/exchange.ts';
import type { MetadataLookup } from '../routing/models-list.ts';
import type { RoutingTable } from '../routing/plan.ts';

/**
 * A world is pure compiled config, swapped by one reference: built beside the old one, so that a request sees one world
 * from its first byte to its last (design, section 6).
 */
export interface World {
  /** Counts up within a process; inspectors know prices by it. */
  readonly number: number;
  /** Hash of the config text: what records name. */
  readonly configVersion: string;
  /** One per listener, in the order of `server.listen`. */
  readonly identifiers: readonly Identifier[];
  /** Which of them have TLS. */
  readonly secure?: readonly boolean[];
  readonly access: Access;
  readonly routing: RoutingTable;
  /** What `access` and `routing` were compiled from, for whoever has to explain them; disabled providers too. */
  readonly grants: readonly GrantInput[];
  readonly providers: readonly Provider[];
  readonly keys: Keys;
  readonly pricing: PricingSlice;
  /** What a request can cost, before it is sent. */
  readonly costBounds: CostBounds;
  /** What the threads for rules are told; undefined where there are none. Secret. */
  readonly rules: RulesSlice | undefined;
  /** Names of hooks, which are not ours. */
  readonly hooks: ReadonlySet<string>;
  /** Names of built-in rules, and of those that look at responses. */
  readonly builtins: ReadonlySet<string>;
  readonly responseRules: ReadonlySet<string>;
  /** Those that refuse what they cannot read, with the sides that they look at. */
  readonly strictRules: ReadonlyMap<string, readonly string[]>;
  readonly modelMetadata: MetadataLookup;
  /** Lower-case host names beside those that need no listing. */
  readonly allowedHosts: ReadonlySet<string>;
  readonly limits: {
    readonly body_bytes: number;
    readonly body_timeout_ms: number;
    readonly header_bytes: number;
    readonly concurrent: number;
  };
  readonly timeouts: ExchangeTimeouts;
  /** How old control state may be before nobody is let in; undefined: as old as it gets. */
  readonly controlMaxAgeMs: number | undefined;
}

/** The one reference. */
export class Worlds {
  current: World;

  constructor(first: World) {
    this.current = first;
  }
}
