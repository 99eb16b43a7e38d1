import { APERTURE_CAPABILITY } from '../src/access/capability.ts';
import type { IdentitySource } from '../src/contract/caller.ts';
import { providerId, modelName } from '../src/contract/ids.ts';
import type { ProviderId } from '../src/contract/ids.ts';
import type { RetentionRules } from '../src/contract/retention.ts';
import type { PricingSlice } from '../src/contract/messages.ts';
import type { Provider } from '../src/contract/provider.ts';
import type { QuotaDefinition } from '../src/contract/quota.ts';
import { assert } from '../src/lib/result.ts';
import { isFormat } from '../src/sinks/formats/format.ts';
import type { DeliverySettings } from '../src/sinks/messages.ts';
import { readTarget } from '../src/sinks/target.ts';
import type { Address } from './address.ts';
import { readBaseUrl } from './base-url.ts';
import { compatibilityOf } from './compatibility.ts';
import { readHeaderEntry } from './headers.ts';
import { identityOf } from './listeners.ts';
import { otlpOf } from './otlp.ts';
import { isChargeable } from './quotas.ts';
import type { Config } from './schema.ts';
import type { ProviderAuthorization } from './schema/fields.ts';
import type { Capability, TempGrantConfig } from './schema/grants.ts';
import type { ProviderConfig } from './schema/providers.ts';
import type { ListenerConfig } from './schema/server.ts';
import { syslogOf } from './syslog.ts';
import { vertexOf } from './vertex.ts';
import { eventsOf } from './webhooks.ts';

/** What each room is handed of a config: nothing it does not use, in the words of the contract, with units in names. */

/** In the order of the file. One that cannot be reached (no usable baseurl) counts as disabled. */
export function providersOf(config: Config): Provider[] {
  return Object.entries(config.providers).map(([id, provider]) => {
    const baseUrl = readBaseUrl(provider.baseurl);
    return {
      id: providerId(id),
      name: provider.name,
      description: provider.description,
      baseUrl: baseUrl.ok ? baseUrl.value : '',
      models: [...new Set(provider.models)].filter((model) => model !== '').map(modelName),
      compatibility: compatibilityOf(provider.compatibility),
      preference: provider.preference,
      disabled: provider.disabled || !baseUrl.ok || (provider.disabled_without_key && provider.apikey === ''),
      addHeaders: headersOf(provider),
      authMode: authModeOf(provider),
      injectUsage: provider.inject_usage,
      vertex: vertexOf(provider),
      costBasis: provider.cost_basis === '' ? undefined : provider.cost_basis,
      modelCostMap: provider.model_cost_map,
    };
  });
}

export interface Credential {
  /** Secret. Empty: none. */
  apikey: string;
  authorization: ProviderAuthorization;
  authMode: 'override' | 'passthrough' | 'none';
  /** With `aws_sigv4`. */
  aws?: { baseUrl: string; region: string };
  /** Lower-case name, value. May hold secrets. */
  addHeaders: [string, string][];
}

/** For the `keys` room alone. */
export function credentialsOf(config: Config): Map<ProviderId, Credential> {
  return new Map(
    Object.entries(config.providers).map(([id, provider]) => [
      providerId(id),
      {
        apikey: provider.apikey,
        authorization: provider.authorization,
        authMode: authModeOf(provider),
        ...(provider.authorization === 'aws_sigv4'
          ? { aws: { baseUrl: provider.baseurl, region: provider.aws_region } }
          : {}),
        addHeaders: headersOf(provider),
      },
    ]),
  );
}

function authModeOf({ auth_mode }: ProviderConfig): 'override' | 'passthrough' | 'none' {
  return auth_mode === '' ? 'override' : auth_mode;
}

function headersOf({ add_headers }: ProviderConfig): [string, string][] {
  return add_headers.flatMap((entry): [string, string][] => {
    const read = readHeaderEntry(entry);
    return read.kind === 'header' ? [[read.name, read.value]] : [];
  });
}

export interface GrantInput {
  /** `grants[0]`, `temp_grants[0]`: where it stands in the config. */
  id: string;
  src: string[];
  capabilities: Capability[];
  /** Other capabilities by key, for hooks. */
  custom: Record<string, unknown[]>;
}

/** `temp_grants` come after `grants`, translated. */
export function grantsOf(config: Config): GrantInput[] {
  const grants = config.grants.map(({ src, app }, index) => {
    const { [APERTURE_CAPABILITY]: capabilities, ...custom } = app;
    return { id: `grants[${index}]`, src: sources(src), capabilities: capabilities.map(withUsableHeaders), custom };
  });
  const translated = config.temp_grants.map((grant, index) => {
    return {
      id: `temp_grants[${index}]`,
      src: sources(grant.src),
      capabilities: grant.grants.flatMap(capabilitiesOf),
      custom: {},
    };
  });
  return [...grants, ...translated];
}

/** What could not be read stands as an empty string, and names nobody. */
function sources(src: readonly string[]): string[] {
  return src.filter((source) => source !== '');
}

function withUsableHeaders(capability: Capability): Capability {
  if (capability.add_headers === undefined) return capability;
  return {
    ...capability,
    add_headers: capability.add_headers.filter((entry) => readHeaderEntry(entry).kind === 'header'),
  };
}

function capabilitiesOf({ role, providers, hook }: TempGrantConfig['grants'][number]): Capability[] {
  const capabilities: Capability[] = [];
  if (role !== undefined) capabilities.push({ role });
  for (const { provider, model } of providers ?? []) {
    if (provider !== '' && model !== '') capabilities.push({ models: pattern(provider, model) });
  }
  if (hook !== undefined) {
    const send_hooks = [{ name: hook.hook, events: hook.match.events, send: hook.fields }];
    for (const provider of hook.match.providers) {
      for (const model of hook.match.models) capabilities.push({ models: pattern(provider, model), send_hooks });
    }
  }
  return capabilities;
}

/** In the alpha a star meant any model; a model's name may have segments, so that is two stars today. */
function pattern(provider: string, model: string): string {
  if (model !== '*') return `${provider}/${model}`;
  return provider === '*' ? '**' : `${provider}/**`;
}

/**
 * In the order of the file. A grant may name others, mistyped or unreadable: they have no definition, and requests that
 * they match are refused.
 */
export function quotasOf({ quotas }: Config): QuotaDefinition[] {
  return Object.entries(quotas)
    .filter(([name]) => isChargeable(name))
    .map(([name, { capacity, rate, overdraft, reserve, deny_status, fail }]) => ({
      name,
      // The schema keeps both below 2^53.
      capacity: Number(capacity),
      rate: { amount: Number(rate.nanodollars), periodMs: rate.perMs },
      overdraft,
      reserve,
      denyStatus: deny_status,
      fail,
    }));
}

export function pricingOf(config: Config): PricingSlice {
  return {
    autoCostBasis: config.auto_cost_basis,
    prices: config.server.prices,
    providers: Object.fromEntries(
      providersOf(config).map(({ id, costBasis, compatibility, modelCostMap }) => [
        id,
        { costBasis, compatibility, modelCostMap },
      ]),
    ),
  };
}

export interface CapturesSlice {
  /** False: nothing of headers and bodies is kept here (`retention.duration: "0"`). */
  keep: boolean;
  saveRaws: boolean;
  /** Lower-case names. */
  filterable: { name: string; redactValues: boolean }[];
}

export function capturesOf({ database }: Config): CapturesSlice {
  return {
    keep: database.retention.duration !== 0,
    saveRaws: database.save_raws,
    filterable: database.headers.filterable
      .filter(({ name }) => name !== '')
      .map(({ name, redact_values }) => ({ name: name.toLowerCase(), redactValues: redact_values })),
  };
}

/** An empty duration is Tailscale's default of today. */
const RETENTION_DEFAULT_MS = 365 * 86_400_000;

export function retentionOf({ database }: Config): RetentionRules {
  const { duration, purge, require_export } = database.retention;
  return {
    keepMs: duration ?? RETENTION_DEFAULT_MS,
    // Where nothing is kept, captures are not even stored.
    captures: duration === 0 || purge.includes('captures'),
    tools: purge.includes('tools'),
    requireExport: require_export,
  };
}

export function deliveriesOf(config: Config): DeliverySettings {
  const { exporters, server } = config;
  const webhooks = Object.entries(exporters.webhooks).map(([name, webhook]) => {
    const target = readTarget(webhook.url, webhook.plain_http);
    assert(target.ok, 'a loaded config has readable webhook urls');
    const { secret, authorization, format, timeout, filter, batch } = webhook;
    assert(isFormat(format), 'a loaded config names formats that there are');
    return {
      destination: `webhooks.${name}`,
      target: target.value,
      secrets: secret,
      authorization,
      format,
      events: eventsOf(webhook),
      filter,
      batch: { most: batch.most, waitMs: batch.wait },
      timeoutMs: timeout,
    };
  });
  const otlp = otlpOf(config);
  const syslog = syslogOf(exporters.syslog);
  const others = { ...(otlp.length === 0 ? {} : { otlp }), ...(syslog.length === 0 ? {} : { syslog }) };
  return { webhooks, ...others, allow: server.egress.allow, caFile: server.egress.ca_file };
}

/** Where a listener's certificate comes from: files, or tailscaled for the node's own name. */
export type ListenerTls = { kind: 'files'; certFile: string; keyFile: string } | { kind: 'tailscale' };

export interface Listener {
  address: Address;
  /** Never empty. */
  identity: readonly IdentitySource[];
  /** CIDR ranges; empty unless `identity` has `proxy_headers`. */
  trustedProxies: readonly string[];
  tls: ListenerTls | undefined;
  /** HTTP/2 in the clear. */
  h2c: boolean;
}

export interface ServerSettings {
  listeners: Listener[];
  socket: 'uws' | 'node';
  processes: number;
  /** Undefined: by the number of cores. */
  inspectors: number | undefined;
  /** Lower case, without port. */
  allowedHosts: string[];
  limits: { bodyBytes: number; inflightBytes: number; headersBytes: number; concurrent: number };
  timeouts: { connectMs: number; firstByteMs: number; idleMs: number; totalMs: number; bodyMs: number };
  journal: {
    mode: 'strict' | 'behind';
    fsync: 'none' | 'interval' | 'always';
    maxBytes: number;
    whenFull: 'refuse' | 'drop_bodies';
  };
  drain: { noticeMs: number; withinMs: number };
  control: { maxAgeMs: number | undefined };
  /** IANA name. */
  timeZone: string;
}

function tlsOf(tls: NonNullable<ListenerConfig['tls']>): ListenerTls {
  return tls === 'tailscale'
    ? { kind: 'tailscale' }
    : { kind: 'files', certFile: tls.cert_file, keyFile: tls.key_file };
}

export function serverOf({ server }: Config): ServerSettings {
  const listener = (config: ListenerConfig, h2c: boolean): Listener => {
    const identity = identityOf(config);
    assert(identity !== undefined, 'a loaded config names the identity sources of each listener');
    return {
      address: config.address,
      identity,
      trustedProxies: identity.includes('proxy_headers') ? server.trusted_proxies : [],
      tls: config.tls && tlsOf(config.tls),
      h2c,
    };
  };
  const { limits, timeouts, journal } = server;
  return {
    listeners: [
      ...server.listen.map((config) => listener(config, false)),
      ...server.listen_h2c.map((config) => listener(config, true)),
    ],
    socket: server.socket,
    processes: server.processes,
    inspectors: server.inspectors,
    allowedHosts: server.allowed_hosts.map((host) => host.toLowerCase()),
    limits: {
      bodyBytes: limits.body_bytes,
      inflightBytes: limits.inflight_bytes,
      headersBytes: limits.headers,
      concurrent: limits.concurrent,
    },
    timeouts: {
      connectMs: timeouts.connect,
      firstByteMs: timeouts.first_byte,
      idleMs: timeouts.idle,
      totalMs: timeouts.total,
      bodyMs: timeouts.body,
    },
    journal: {
      mode: journal.mode,
      fsync: journal.fsync,
      maxBytes: journal.max_bytes,
      whenFull: journal.when_full,
    },
    drain: { noticeMs: server.drain.notice, withinMs: server.drain.within },
    control: { maxAgeMs: server.control.max_age },
    timeZone: server.time_zone,
  };
}
