import { compileAccess } from '../access/grants.ts';
import { createIdentifier } from '../identity/identify.ts';
import type { TokenDirectory } from '../identity/tokens.ts';
import type { Whois } from '../identity/whois-cache.ts';
import type { AccessTokens } from '../keys/access-tokens.ts';
import { createKeys } from '../keys/provider-key.ts';
import { CostBounds } from '../pricing/bound.ts';
import type { PriceTable } from '../pricing/table.ts';
import { compileRouting } from '../routing/plan.ts';
import type { MetadataLookup } from '../routing/models-list.ts';
import type { World } from '../front/world.ts';
import type { Loaded } from '../../config/load.ts';
import { credentialsOf, grantsOf, pricingOf, providersOf, serverOf } from '../../config/slices.ts';
import { rulesOf } from '../../config/rules.ts';
import type { Listener } from '../../config/slices.ts';

/** Hex digits of the config's hash that records carry: enough to tell versions apart. */
const VERSION_DIGITS = 16;

/**
 * Compiles a config to a world; pure but for the whois cache and the tokens, which identities share. `listeners` are those that listen:
 * a request is known by its listener's index.
 */
export function buildWorld(
  number: number,
  loaded: Loaded,
  parts: {
    listeners: readonly Listener[];
    whois: Whois | undefined;
    tokens: TokenDirectory;
    prices: PriceTable;
    modelMetadata: MetadataLookup;
    keySecret: Buffer;
    /** Without them, key files of service accounts are of no use. */
    accessTokens?: AccessTokens;
  },
): World {
  const { config, hash } = loaded;
  const server = serverOf(config);
  const grants = grantsOf(config);
  const providers = providersOf(config);
  const pricing = pricingOf(config);
  const rules = rulesOf(config);
  const hooks = rules.rules.filter((rule) => rule.type === 'hook');
  const builtins = rules.rules.filter((rule) => rule.type === 'builtin');
  return {
    number,
    configVersion: hash.slice(0, VERSION_DIGITS),
    identifiers: parts.listeners.map(({ identity, trustedProxies }) =>
      createIdentifier({ listener: { sources: identity, trustedProxies }, whois: parts.whois, tokens: parts.tokens }),
    ),
    secure: parts.listeners.map(({ tls }) => tls !== undefined),
    access: compileAccess(grants),
    routing: compileRouting(providers),
    grants,
    providers,
    keys: createKeys(credentialsOf(config), parts.keySecret, parts.accessTokens),
    pricing,
    costBounds: new CostBounds(parts.prices, pricing),
    rules: rules.rules.length + rules.disabled.length + rules.unusable.length === 0 ? undefined : rules,
    hooks: new Set(hooks.map(({ name }) => name)),
    builtins: new Set(builtins.map(({ name }) => name)),
    responseRules: new Set(
      builtins.filter(({ builtin }) => builtin.sides.includes('response')).map(({ name }) => name),
    ),
    strictRules: new Map(
      builtins
        .filter(({ builtin, failPolicy }) => failPolicy === 'fail_closed' && !builtin.shadow)
        .map(({ name, builtin }) => [name, builtin.sides]),
    ),
    modelMetadata: parts.modelMetadata,
    allowedHosts: new Set(server.allowedHosts),
    limits: {
      body_bytes: server.limits.bodyBytes,
      body_timeout_ms: server.timeouts.bodyMs,
      header_bytes: server.limits.headersBytes,
      concurrent: server.limits.concurrent,
    },
    timeouts: {
      connect_ms: server.timeouts.connectMs,
      first_byte_ms: server.timeouts.firstByteMs,
      idle_ms: server.timeouts.idleMs,
      total_ms: server.timeouts.totalMs,
    },
    controlMaxAgeMs: server.control.maxAgeMs,
  };
}
