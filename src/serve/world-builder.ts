import { join } from 'node:path';
import type { World } from '../front/world.ts';
import type { TokenDirectory } from '../identity/tokens.ts';
import type { Whois } from '../identity/whois-cache.ts';
import { AccessTokens } from '../keys/access-tokens.ts';
import { packageRoot } from '../lib/package-root.ts';
import { loadPriceTable } from '../pricing/table.ts';
import type { Loaded } from '../../config/load.ts';
import { pricingOf, serverOf } from '../../config/slices.ts';
import type { Listener, ServerSettings } from '../../config/slices.ts';
import { buildWorld } from './build-world.ts';
import { modelMetadataFrom } from './model-metadata.ts';
import { sameSockets } from './needs-restart.ts';
import { askTokenServer } from './token-server.ts';

/** Makes the world of a config. `number` is one more than that of the world before. */
export type WorldBuilder = (number: number, loaded: Loaded) => World;

/** Builds the worlds of a process, all with what outlives them. `started` are the settings that it started with. */
export function worldBuilder(parts: {
  started: ServerSettings;
  whois: Whois;
  tokens: TokenDirectory;
  keySecret: Buffer;
}): WorldBuilder {
  const { started, ...shared } = parts;
  const prices = loadPriceTable(join(packageRoot(), 'config', 'prices.json'));
  const accessTokens = new AccessTokens(askTokenServer);
  return (number, loaded) =>
    buildWorld(number, loaded, {
      ...shared,
      listeners: listenersOf(started, serverOf(loaded.config)),
      prices,
      modelMetadata: modelMetadataFrom(prices, pricingOf(loaded.config)),
      accessTokens,
    });
}

/** Those that listen, and who they let in: as the new config says, where it has the same ones. */
function listenersOf(started: ServerSettings, next: ServerSettings): readonly Listener[] {
  return sameSockets(started, next) ? next.listeners : started.listeners;
}
