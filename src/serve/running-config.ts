import type { KillSwitch } from '../front/kill-switch.ts';
import { Worlds } from '../front/world.ts';
import type { World } from '../front/world.ts';
import type { TokenDirectory } from '../identity/tokens.ts';
import type { InspectorPool } from '../inspect/pool.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Loaded } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import { serverOf } from '../../config/slices.ts';
import type { ControlThread } from './control-thread.ts';
import type { DrainSettings } from './drain.ts';
import { needsRestart } from './needs-restart.ts';
import type { WorldBuilder } from './world-builder.ts';

/** A part of the process that is brought to a new config by a call, and not by the next world. */
interface Configured {
  reconfigure(config: Config): void;
}

export interface RunningConfigParts {
  build: WorldBuilder;
  inspectors: Pick<InspectorPool, 'setWorld'>;
  /** In this order. */
  configured: readonly Configured[];
  clock: Clock;
  log: Log;
}

/** The config that this process runs by, and everyone who goes by it: brought to each new one that holds. */
export class RunningConfig {
  readonly worlds: Worlds;
  readonly #parts: RunningConfigParts;
  readonly #started: Loaded;
  #loaded: Loaded;

  constructor(parts: RunningConfigParts, started: Loaded) {
    this.#parts = parts;
    this.#started = started;
    this.#loaded = started;
    this.worlds = new Worlds(parts.build(1, started));
    this.#tellInspectors(this.worlds.current);
  }

  /** How requests are let end, should it be now. */
  get drain(): DrainSettings {
    return serverOf(this.#loaded.config).drain;
  }

  /** Begins with what holds now. Who may come changes without a new config, too. */
  follow(control: ControlThread, { tokens, killSwitch }: { tokens: TokenDirectory; killSwitch: KillSwitch }): void {
    control.follow(({ snapshot, loaded }) => {
      tokens.reconfigure(snapshot.tokens);
      killSwitch.reconfigure(snapshot);
      if (loaded.hash !== this.#loaded.hash) this.#become(loaded);
    });
  }

  #become(next: Loaded): void {
    const { build, configured, clock, log } = this.#parts;
    this.#loaded = next;
    const beganAtMs = clock.nowMs();
    const world = build(this.worlds.current.number + 1, next);
    for (const part of configured) part.reconfigure(next.config);
    // Prices first: what an inspector reads of the new world's exchanges, it must know.
    this.#tellInspectors(world);
    this.worlds.current = world;
    const tookMs = Math.round(clock.nowMs() - beganAtMs);
    log.info({ world: world.number, config: world.configVersion, tookMs }, 'a new config holds');
    const waiting = needsRestart(serverOf(this.#started.config), serverOf(next.config));
    if (waiting.length > 0) log.warn({ settings: waiting }, 'these settings of the new config need a restart');
  }

  #tellInspectors({ number, pricing, rules }: World): void {
    this.#parts.inspectors.setWorld(number, pricing, rules);
  }
}
