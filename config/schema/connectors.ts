import { z } from 'zod';

/** Sections that later versions serve: read, so that a config for Aperture loads, and warned about. */

export const ConnectorsConfig = z.looseObject({
  servers: z.record(z.string(), z.looseObject({})).default({}).describe('MCP servers and HTTP APIs, by id'),
});

export const McpConfig = z.strictObject({
  accept_registrations: z.boolean().default(false).describe('Servers may register themselves'),
  servers: z
    .record(z.string(), z.looseObject({ url: z.string().default('').describe('The MCP server') }))
    .default({})
    .describe('MCP servers, by id'),
});

export const FeatureFlag = z.strictObject({ value: z.boolean().default(false).describe('On or off') });
