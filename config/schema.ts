import { z } from 'zod';
import { ConnectorsConfig, FeatureFlag, McpConfig } from './schema/connectors.ts';
import { GrantConfig, TempGrantConfig } from './schema/grants.ts';
import { HookConfig, QuotaConfig } from './schema/policies.ts';
import { ProviderConfig } from './schema/providers.ts';
import { DatabaseConfig, ExportersConfig } from './schema/records.ts';
import { ServerConfig } from './schema/server.ts';

/**
 * Every setting with its type, default, bounds and meaning. The sections are Aperture's, under its keys; `server` is
 * ours. Every member has a default or may be absent, so that a part which cannot be read leaves a whole config behind
 * (`read.ts` decides when that is an error). The descriptions make docs/configuration.md.
 */
export const Config = z.strictObject({
  providers: z.record(z.string(), ProviderConfig).default({}).describe('Upstreams, by id'),
  grants: z.array(GrantConfig).default([]).describe('Who may do what; without one, nobody may do anything'),
  quotas: z
    .record(z.string(), QuotaConfig)
    .default({})
    .describe('Budgets, by bucket name; "<user>" or "<node>" after a colon makes one bucket for each'),
  hooks: z.record(z.string(), HookConfig).default({}).describe('Guardrails and webhooks, by name'),
  exporters: ExportersConfig.prefault({}).describe('Where records are exported to'),
  database: DatabaseConfig.prefault({}).describe('What is kept, and how long'),
  connectors: ConnectorsConfig.prefault({}).describe('MCP servers and HTTP APIs behind the gateway'),
  auto_cost_basis: z.boolean().default(true).describe('Judge the prices of a provider without cost_basis by its flags'),
  chat_models: z
    .unknown()
    .exactOptional()
    .describe('Models offered in the chat pages; shape undocumented, read and not used'),
  flags: z.record(z.string(), FeatureFlag).default({}).describe('Feature flags, by name'),
  mcp: McpConfig.prefault({}).describe('Deprecated: use connectors'),
  temp_grants: z.array(TempGrantConfig).default([]).describe('Deprecated: use grants'),
  server: ServerConfig.prefault({}).describe('The gateway itself (extension)'),
});
export type Config = z.output<typeof Config>;
