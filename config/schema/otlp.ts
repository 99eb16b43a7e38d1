import { z } from 'zod';
import { EVENT_KINDS } from '../../src/contract/event.ts';
import { SIGNALS } from '../../src/sinks/otlp/settings.ts';
import { duration } from './fields.ts';
import { tellFilter } from './webhooks.ts';

/** `config/otlp.ts` says what is wrong with the address, the headers and the names in it. */
export const OtlpConfig = z.strictObject({
  endpoint: z
    .string()
    .default('')
    .describe(
      'Base URL of an OTLP/HTTP receiver, /v1/traces and the like come behind it: https, or http within server.egress.allow',
    ),
  headers: z
    .record(z.string(), z.string())
    .default({})
    .describe('Sent with each request, such as "authorization": "Bearer …"'),
  signals: z
    .array(z.string())
    .default([...SIGNALS])
    .describe(`What is exported: ${SIGNALS.join(', ')}`),
  events: z
    .array(z.string())
    .default(['*'])
    .describe(`What logs tell: ${EVENT_KINDS.join(', ')}; "*": all`),
  filter: tellFilter(),
  content: z
    .boolean()
    .default(false)
    .describe('Prompts and answers stand in spans, as far as captures of them were kept'),
  resource: z
    .record(z.string(), z.string())
    .default({})
    .describe(
      'Attributes of the resource, such as "deployment.environment.name": "production"; may replace "service.name"',
    ),
  batch: z
    .strictObject({
      most: z.int().min(1).max(1000).default(200).describe('Requests or events in one message'),
      wait: duration('0', '1m').prefault('1s').describe('How long the first of them waits for more to go with it'),
    })
    .prefault({})
    .describe('Several in one message'),
  interval: duration('1s', '1h').prefault('60s').describe('Between two pushes of metrics'),
  timeout: duration('100ms', '1m').prefault('10s').describe('How long the receiver may take to answer'),
  compression: z.enum(['gzip', 'none']).default('gzip').describe('Of what is sent'),
  plain_http: z.boolean().default(false).describe('http is meant, also to a public address: anybody may read it'),
});
export type OtlpConfig = z.output<typeof OtlpConfig>;
