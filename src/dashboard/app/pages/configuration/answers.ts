import * as z from 'zod/mini';
import { Bucket, pageOf, Verdict as SomeVerdict } from '../../api/shapes.ts';

/* What the pages of the configuration read of the API (docs/control-state.md, quotas.md, guardrails.md, access.md). */

/** `GET /api/config`. The text has references in place of keys; it is kept in memory alone. */
export const ConfigNow = z.looseObject({
  config: z.string(),
  hash: z.string(),
  /** 0 while the version is not recorded. */
  number: z.number(),
  read_only: z.boolean(),
});
export type ConfigNow = z.infer<typeof ConfigNow>;

export const Remark = z.looseObject({
  severity: z.enum(['error', 'warning']),
  path: z.string(),
  /** From 1; 0 where it is not in the text. */
  line: z.number(),
  column: z.number(),
  message: z.string(),
});
export type Remark = z.infer<typeof Remark>;

export const Validation = z.looseObject({
  Valid: z.boolean(),
  errors: z.array(Remark),
  warnings: z.array(Remark),
});
export type Validation = z.infer<typeof Validation>;

export const Saved = z.looseObject({
  hash: z.string(),
  number: z.number(),
  warnings: z.array(Remark),
  needs_restart: z.array(z.string()),
});
export type Saved = z.infer<typeof Saved>;

/** The answer to a save that is refused for what stands in the text. */
export const RefusedSave = z.looseObject({ errors: z.array(Remark), warnings: z.array(Remark) });

export const VersionEntry = z.looseObject({
  number: z.number(),
  hash: z.string(),
  author: z.string(),
  at: z.string(),
  note: z.string(),
});
export type VersionEntry = z.infer<typeof VersionEntry>;
export const VersionPage = z.looseObject({ items: z.array(VersionEntry), next: z.nullable(z.number()) });

export const Version = z.looseObject({
  ...VersionEntry.shape,
  config: z.string(),
  previous: z.nullable(z.number()),
});
export type Version = z.infer<typeof Version>;

export const Provider = z.looseObject({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  models: z.array(z.string()),
  compatibility: z.record(z.string(), z.boolean()),
  requires_client_auth: z.optional(z.boolean()),
  disabled: z.optional(z.boolean()),
});
export type Provider = z.infer<typeof Provider>;
export const Providers = z.array(Provider);

export const BucketPage = pageOf(Bucket);

const CapabilityExplanation = z.looseObject({
  role: z.optional(z.enum(['admin', 'user'])),
  models: z.optional(z.string()),
  applies: z.optional(z.boolean()),
  quotas: z.optional(z.array(z.string())),
  send_hooks: z.optional(z.array(z.string())),
  add_headers: z.optional(z.array(z.string())),
  rights: z.optional(z.record(z.string(), z.boolean())),
});

const RuleExplanation = z.looseObject({
  name: z.string(),
  state: z.enum(['in force', 'disabled', 'unusable', 'unknown']),
  kind: z.nullable(z.string()),
  action: z.nullable(z.string()),
  sides: z.array(z.string()),
  shadow: z.boolean(),
  events: z.array(z.string()),
  fail_policy: z.nullable(z.string()),
});
export type RuleExplanation = z.infer<typeof RuleExplanation>;

export const Explanation = z.looseObject({
  caller: z.looseObject({
    login: z.string(),
    node_id: z.string(),
    tags: z.array(z.string()),
    groups: z.array(z.string()),
    identity_source: z.string(),
  }),
  role: z.nullable(z.enum(['admin', 'user'])),
  grants: z.array(
    z.looseObject({
      id: z.string(),
      matched_by: z.array(z.string()),
      capabilities: z.array(CapabilityExplanation),
    }),
  ),
  model: z.nullable(
    z.looseObject({
      name: z.string(),
      allowed: z.boolean(),
      why: z.string(),
      route: z.nullable(z.looseObject({ provider: z.string(), model: z.string(), compatibility: z.array(z.string()) })),
      candidates: z.array(
        z.looseObject({
          provider: z.string(),
          preference: z.number(),
          disabled: z.boolean(),
          grants: z.array(z.string()),
        }),
      ),
      quotas: z.array(z.string()),
      send_hooks: z.array(z.string()),
      rules: z.array(RuleExplanation),
      add_headers: z.array(z.string()),
    }),
  ),
});
export type Explanation = z.infer<typeof Explanation>;

export const Verdict = z.extend(SomeVerdict, { scanned: z.array(z.string()), untouched: z.number() });
export type Verdict = z.infer<typeof Verdict>;

export const TriedText = z.looseObject({
  where: z.string(),
  characters: z.number(),
  /** Half-open ranges of UTF-16 units. */
  finds: z.array(z.looseObject({ rule: z.string(), kind: z.string(), start: z.number(), end: z.number() })),
  goes_on: z.nullable(z.string()),
  kept: z.nullable(z.string()),
});
export type TriedText = z.infer<typeof TriedText>;

export const Trial = z.looseObject({
  refused: z.nullable(
    z.looseObject({ rule: z.nullable(z.string()), code: z.string(), status: z.number(), message: z.string() }),
  ),
  verdicts: z.array(Verdict),
  texts: z.array(TriedText),
  body: z.unknown(),
  not_run: z.array(z.looseObject({ name: z.string(), why: z.string() })),
});
export type Trial = z.infer<typeof Trial>;
