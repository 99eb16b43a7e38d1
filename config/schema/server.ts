import { z } from 'zod';
import { COST_BASES } from '../../src/pricing/basis.ts';
import { RATE_NAMES } from '../../src/contract/price.ts';
import type { PriceOverride } from '../../src/contract/price.ts';
import { isAddressRange, isUsableRange } from '../address.ts';
import { address, checked, duration, size } from './fields.ts';

const IDENTITY_SOURCES = ['loopback', 'tailscale', 'proxy_headers', 'oidc', 'token'] as const;

const filePath = () => z.string().min(1, { error: 'is empty' });

const ListenerConfig = z.strictObject({
  address: address().describe('"127.0.0.1:8080", "[::1]:8080", ":8080" (every address) or "tailscale:80"'),
  identity: z
    .array(z.enum(IDENTITY_SOURCES))
    .min(1, { error: 'names nobody: give at least one source' })
    .exactOptional()
    .describe(
      'How callers are known here. Default: loopback on a loopback address, tailscale on "tailscale:"; elsewhere it must be given',
    ),
  tls: z
    .union(
      [
        z.strictObject({
          cert_file: filePath().describe('PEM file with the certificate chain'),
          key_file: filePath().describe('PEM file with the private key'),
        }),
        z.literal('tailscale'),
      ],
      { error: 'must be "tailscale", or an object with cert_file and key_file' },
    )
    .exactOptional()
    .describe(
      'Certificate: files, taken up again when they are renewed, or "tailscale": that of this node\'s own name. Absent: plain HTTP',
    ),
});
export type ListenerConfig = z.output<typeof ListenerConfig>;

const PolicyTest = z
  .strictObject({
    login: z.string().default('').describe('Whose request: a login, or "(loopback)". Not with tags'),
    node: z.string().default('').describe('Stable id of the device'),
    tags: z.array(z.string()).default([]).describe('Tags of the device, in place of a login'),
    groups: z.array(z.string()).default([]).describe('Groups of the login, such as "group:eng"'),
    model: z.string().min(1, { error: 'is empty' }).describe('"model" or "provider/model"'),
    allow: z.boolean().describe('What is expected'),
  })
  .refine(({ login, tags }) => (login === '') !== (tags.length === 0), {
    error: 'names a login or tags, and not both',
  });
export type PolicyTest = z.output<typeof PolicyTest>;

const hostName = () =>
  checked(
    'host name',
    (text) => /^[A-Za-z0-9._-]+$|^\[[0-9A-Fa-f:.]+\]$/.test(text),
    'is not a host name without a port',
  );

const perMillion = (meaning: string) =>
  z.partialRecord(z.enum(RATE_NAMES), z.string()).exactOptional().describe(meaning);

/** `config/own-prices.ts` says what is wrong with the sums and names in it. */
const OwnPrice: z.ZodType<PriceOverride> = z.strictObject({
  basis: z
    .string()
    .default('')
    .describe(`The cost basis that the price holds for: ${COST_BASES.join(', ')}`),
  model: z.string().default('').describe('Exact name of the model'),
  like: z.string().exactOptional().describe('A model of the table to start from; it may be the same'),
  per_million: perMillion(`Dollars per million tokens, such as "$2.50", by rate: ${RATE_NAMES.join(', ')}`),
  web_search: z.string().exactOptional().describe('Dollars per search, such as "$0.01"'),
  tiers: z
    .array(
      z.strictObject({
        above_input_tokens: z
          .int()
          .min(1)
          .describe('Total input, cached included, above which the whole request pays so'),
        per_million: z
          .partialRecord(z.enum(RATE_NAMES), z.string())
          .default({})
          .describe('Rates of such a request; those not named stay'),
      }),
    )
    .exactOptional()
    .describe('Prices of long contexts'),
  batch: perMillion('Rates of the batch service; those not named stay'),
  flex: perMillion('Rates of the flex service'),
  priority: perMillion('Rates of the priority service'),
  fast: perMillion('Rates of the fast mode'),
});

export const ServerConfig = z.strictObject({
  listen: z
    .array(ListenerConfig)
    .min(1, { error: 'is empty: the gateway listens nowhere' })
    .prefault([{ address: '127.0.0.1:8080' }])
    .describe('Where the gateway listens'),
  listen_h2c: z
    .array(ListenerConfig)
    .default([])
    .describe(
      "Further addresses, in the clear, where clients may begin with HTTP/2 (prior knowledge) as well as HTTP/1.1: always on Node's own socket layer, without tls",
    ),
  socket: z
    .enum(['uws', 'node'])
    .default('uws')
    .describe("Socket layer: uWebSockets.js, or Node's own http (docs/operations.md says how they differ)"),
  processes: z.int().min(1).max(64).default(1).describe('Processes that share the listen addresses'),
  inspectors: z
    .int()
    .min(1)
    .max(64)
    .exactOptional()
    .describe('Threads that read copies of exchanges; one more scans large requests. Absent: by the number of cores'),
  trusted_proxies: z
    .array(checked('CIDR', isAddressRange, 'is not an IP address or CIDR range'))
    .default([])
    .describe('Whose identity headers are believed, on listeners with proxy_headers'),
  allowed_hosts: z
    .array(hostName())
    .default([])
    .describe('Host names that requests may be addressed to, besides loopback names and the listen addresses'),
  limits: z
    .strictObject({
      body_bytes: size('1KiB', '1GiB').prefault('64MiB').describe('One request body, after decompression'),
      inflight_bytes: size('1MiB', '1TiB')
        .prefault('512MiB')
        .describe('All bodies in flight in one process; beyond it, 503'),
      headers: size('4KiB', '1MiB').prefault('64KiB').describe('Request headers, which are 100 at most'),
      concurrent: z.int().min(1).max(1_000_000).default(10_000).describe('Requests in one process; beyond it, 503'),
    })
    .prefault({})
    .describe('What one process takes on'),
  timeouts: z
    .strictObject({
      connect: duration('10ms', '10m').prefault('10s').describe('Opening a connection to a provider'),
      first_byte: duration('100ms', '24h').prefault('10m').describe("A provider's first byte"),
      idle: duration('100ms', '24h').prefault('10m').describe("Silence within a provider's answer"),
      total: duration('1s', '168h').prefault('1h').describe('A request from accept to end'),
      body: duration('100ms', '1h').prefault('60s').describe("A client's request body"),
    })
    .prefault({})
    .describe('How long things may take'),
  journal: z
    .strictObject({
      mode: z
        .enum(['strict', 'behind'])
        .default('strict')
        .describe('strict: no response byte leaves before it is in the journal; behind: the journal may lag'),
      fsync: z
        .enum(['none', 'interval', 'always'])
        .default('interval')
        .describe('When the disk is told to keep it: survives a killed process either way'),
      max_bytes: size('16MiB', '16TiB').prefault('4GiB').describe('Space that the journal may take'),
      when_full: z
        .enum(['refuse', 'drop_bodies'])
        .default('refuse')
        .describe('Refuse requests, or go on without bodies and count them'),
    })
    .prefault({})
    .describe('The local record of every exchange'),
  drain: z
    .strictObject({
      notice: duration('0s', '1h')
        .prefault('0s')
        .describe(
          'On SIGTERM, how long /readyz says no while new connections are still taken: longer than a load balancer needs to notice',
        ),
      within: duration('0s', '168h')
        .prefault('30s')
        .describe('How long requests under way may then go on; what is left is ended with an error event'),
    })
    .prefault({})
    .describe('Leaving: exit comes at the latest 20s after both (docs/operations.md)'),
  control: z
    .strictObject({
      max_age: duration('1s', '8760h')
        .exactOptional()
        .describe('How old the control state may be before every request is denied. Absent: no limit'),
    })
    .prefault({})
    .describe('Config, tokens and revocations from the database'),
  egress: z
    .strictObject({
      allow: z
        .array(checked('CIDR', isUsableRange, 'is not an IP address or CIDR range'))
        .default([])
        .describe(
          'Addresses that are not public and that the gateway\'s own requests (webhooks) may go to, such as "127.0.0.1" or "100.64.0.0/10"; a metadata address only where it is named by itself',
        ),
      ca_file: filePath().exactOptional().describe('PEM file of authorities besides the public ones'),
    })
    .prefault({})
    .describe('Requests that the gateway itself makes, to destinations of this config; providers are not among them'),
  time_zone: checked('time zone', isTimeZone, 'is not a time zone such as "UTC" or "Europe/Berlin"')
    .default('UTC')
    .describe('For days in reports and budgets'),
  prices: z
    .array(OwnPrice)
    .max(10_000, { error: 'has more than 10000 prices' })
    .default([])
    .describe("Prices of your own, before the table's (docs/money.md)"),
  policy_tests: z
    .array(PolicyTest)
    .default([])
    .describe('Expected decisions: a config that does not pass is neither saved nor started with'),
});
export type ServerConfig = z.output<typeof ServerConfig>;

function isTimeZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch (error) {
    // The only way Intl has to say that it does not know a zone.
    if (error instanceof RangeError) return false;
    throw error;
  }
}
