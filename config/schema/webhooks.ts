import { z } from 'zod';
import { EVENT_KINDS } from '../../src/contract/event.ts';
import { FORMATS } from '../../src/sinks/formats/format.ts';
import { duration } from './fields.ts';

const globs = (meaning: string) => z.array(z.string()).default([]).describe(meaning);

/** Of which requests a destination is told. */
export const tellFilter = () =>
  z
    .strictObject({
      logins: globs('Of whom: globs as in grants. Empty: of all'),
      groups: globs('Of members of these groups'),
      models: globs('Over the name of the model, or provider/model'),
      providers: globs('Over the id of the provider'),
      states: globs('How requests ended: complete, aborted, error, denied, blocked, interrupted'),
    })
    .prefault({})
    .describe('Of which requests it is told; other events are always told');

/** `config/webhooks.ts` says what is wrong with the address, the secrets and the names in it. */
export const WebhookConfig = z.strictObject({
  url: z.string().default('').describe('Where events are sent: https, or http within server.egress.allow'),
  secret: z
    .union([z.string(), z.array(z.string())], { error: 'is neither a secret nor a list of secrets' })
    .transform((secret) => (typeof secret === 'string' ? [secret].filter((text) => text !== '') : secret))
    .prefault('')
    .describe(
      'Signs each delivery (Standard Webhooks): "whsec_" and the base64 of 24 to 64 bytes. While it is rotated a list, the new one first',
    ),
  authorization: z
    .string()
    .default('')
    .describe('Sent as the header of this name, for receivers with tokens: "Splunk 6c1f…", "Bearer …"'),
  format: z
    .string()
    .default('json')
    .describe(`How events are written: ${FORMATS.join(', ')}`),
  events: z
    .array(z.string())
    .default(['request.closed'])
    .describe(`What is told: ${EVENT_KINDS.join(', ')}; "*": all`),
  filter: tellFilter(),
  batch: z
    .strictObject({
      most: z.int().min(1).max(1000).default(1).describe('Events in one request; from 2 on, each body is a list'),
      wait: duration('0', '1m').prefault('0').describe('How long the first event waits for more to go with it'),
    })
    .prefault({})
    .describe('Several events in one request'),
  timeout: duration('100ms', '1m').prefault('10s').describe('How long the receiver may take to answer'),
  plain_http: z.boolean().default(false).describe('http is meant, also to a public address: anybody may read it'),
});
export type WebhookConfig = z.output<typeof WebhookConfig>;
