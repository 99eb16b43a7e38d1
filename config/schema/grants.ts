import { z } from 'zod';
import { HOOK_EVENTS, SEND_FIELDS } from '../../src/contract/guardrail.ts';

/** The capability under which Aperture's grants stand, here and in the tailnet policy file. */
export const APERTURE_CAPABILITY = 'tailscale.com/cap/aperture';

const BucketReference = z.strictObject({
  bucket: z.string().default('').describe('Name of a quota, template included'),
});

const SendHook = z.strictObject({
  name: z.string().default('').describe('Name of a hook'),
  events: z
    .array(z.enum(HOOK_EVENTS))
    .default([])
    .describe('When the hook is called; response, about the whole answer before the client has it, is an extension'),
  send: z.array(z.enum(SEND_FIELDS)).default([]).describe('What the hook is told'),
});

const allowed = (meaning: string) => z.boolean().exactOptional().describe(meaning);
const text = (meaning: string) => z.string().exactOptional().describe(meaning);
const unspecified = (meaning: string) => z.unknown().exactOptional().describe(`${meaning}; read and not used`);

/** Aperture does not document the shape; a list of names or of `{name}` is what its other header lists look like. */
const HeaderNames = z.array(
  z.union([z.string(), z.looseObject({ name: z.string() }).transform(({ name }) => name)], {
    error: 'is not a header name',
  }),
);

export const Capability = z.strictObject({
  role: z.enum(['admin', 'user']).exactOptional().describe('Needed for any access; admin beats user'),
  models: text('One glob over provider/model: * within a segment, ** across segments. Absent: applies to every model'),
  quotas: z.array(BucketReference).exactOptional().describe('Buckets that a matching request is charged to'),
  send_hooks: z.array(SendHook).exactOptional().describe('Hooks that a matching request is sent to'),
  add_headers: z.array(z.string()).exactOptional().describe('"Header-Name: value", sent upstream when this matches'),
  connectors: z.array(z.string()).exactOptional().describe('Globs over connector/category/resource, or "label:x"'),
  mcp_tools: text('Deprecated: use connectors'),
  mcp_resources: text('Deprecated: use connectors'),
  mcp_templates: text('Deprecated: use connectors'),
  enable_chat_ui: allowed('The chat pages'),
  read_metrics: allowed('/metrics'),
  read_pricing: allowed('Prices in model lists'),
  read_captures: allowed('Bodies of exchanges; false takes them from an admin (extension)'),
  read_audit: allowed('The audit log; false takes it from an admin (extension)'),
  filterable_headers: HeaderNames.exactOptional().describe('Indexed headers by which this caller may filter'),
  skills: unspecified('Access to chat skills'),
  direct_paths: z
    .union([z.array(z.string()), z.unknown()])
    .exactOptional()
    .describe(
      'Globs over provider/path: paths of a provider that pass as they are; Aperture does not document what it means by it',
    ),
  set_cors: allowed('Legal in Aperture; read and not used, because this gateway answers no cross-origin request'),
  cors_paths: z.array(z.string()).exactOptional().describe('As set_cors'),
  'Access-Control-Allow-Origin': text('As set_cors'),
  'Access-Control-Allow-Methods': text('As set_cors'),
  'Access-Control-Allow-Headers': text('As set_cors'),
});
export type Capability = z.output<typeof Capability>;

export const GrantConfig = z.strictObject({
  src: z
    .array(z.string())
    .default([])
    .describe(
      'Who: "*", a login, "group:x", a tag or the sorted joined tags of a device, a token\'s "token:x", "(loopback)"',
    ),
  app: z
    .object({ [APERTURE_CAPABILITY]: z.array(Capability).default([]).describe('What they may do') })
    .catchall(z.array(z.unknown()))
    .prefault({})
    .describe("Capabilities; keys besides Aperture's are passed to hooks as they are"),
});
export type GrantConfig = z.output<typeof GrantConfig>;

const names = (meaning: string) => z.array(z.string()).default([]).describe(meaning);

/** Aperture's alpha grants (aperture.md, section 4.5), translated into grants when read. */
export const TempGrantConfig = z.strictObject({
  src: names('As in grants'),
  grants: z
    .array(
      z.strictObject({
        role: z.enum(['admin', 'user']).exactOptional().describe('As in grants'),
        providers: z
          .array(
            z.strictObject({
              provider: z.string().default('').describe('Provider, or "*"'),
              model: z.string().default('').describe('Model, or "*"'),
            }),
          )
          .exactOptional()
          .describe('Models that may be used'),
        hook: z
          .strictObject({
            match: z
              .strictObject({
                providers: names('Providers, or "*"'),
                models: names('Models, or "*"'),
                events: SendHook.shape.events,
              })
              .prefault({})
              .describe('Which requests are sent'),
            hook: z.string().default('').describe('Name of a hook'),
            fields: SendHook.shape.send,
          })
          .exactOptional()
          .describe('A hook that matching requests are sent to'),
      }),
    )
    .default([])
    .describe('What they may do'),
});
export type TempGrantConfig = z.output<typeof TempGrantConfig>;
