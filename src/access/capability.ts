import { z } from 'zod';
import { HOOK_EVENTS } from '../contract/guardrail.ts';

/** The capability that both the gateway's config and the tailnet policy file write grants in. */
export const APERTURE_CAPABILITY = 'tailscale.com/cap/aperture';

/**
 * Stands where a quota or hook reference could not be read. Nothing has this name, so whoever enforces references
 * refuses, as for a misspelt one: a typing error must not lift a limit.
 */
export const UNREADABLE_REFERENCE = '(unreadable)';

/**
 * One capability object of a grant (aperture.md, section 4.3), as far as anything here reads it. Loose: a field of a
 * later Aperture must not take away what the rest of the object gives.
 */
export const Capability = z.looseObject({
  role: z.enum(['admin', 'user']).optional(),
  /** One glob over `provider/model`. Without it, what the object carries applies to every model. */
  models: z.string().optional(),
  quotas: z.array(z.looseObject({ bucket: z.string() })).optional(),
  send_hooks: z
    .array(
      z.looseObject({
        name: z.string(),
        // A misspelt event is none: the object then counts as unreadable, and what it would have matched is refused.
        events: z.array(z.enum(HOOK_EVENTS)).default([]),
        send: z.array(z.string()).default([]),
      }),
    )
    .optional(),
  /** `Header-Name: value`. */
  add_headers: z.array(z.string()).optional(),
  connectors: z.array(z.string()).optional(),
  read_metrics: z.boolean().optional(),
  read_pricing: z.boolean().optional(),
  read_captures: z.boolean().optional(),
  read_audit: z.boolean().optional(),
  filterable_headers: z.array(z.string()).optional(),
  enable_chat_ui: z.boolean().optional(),
  direct_paths: z.unknown().optional(),
});
export type Capability = z.infer<typeof Capability>;

/** Globs over `provider/path`. Aperture does not document the shape: what is no list of texts opens nothing. */
export function directPatterns(given: unknown): string[] {
  return Array.isArray(given) ? given.filter((each) => typeof each === 'string') : [];
}

/** The parts of an object that cannot be read which must not be lost: that it limits something, and what. */
export const UnreadableLimit = z
  .looseObject({ models: z.unknown(), quotas: z.unknown(), send_hooks: z.unknown() })
  .partial()
  .transform(({ models, quotas, send_hooks }) => ({
    // A pattern that is none might have meant any model.
    models: typeof models === 'string' ? models : undefined,
    quotas: isGiven(quotas),
    sendHooks: isGiven(send_hooks),
  }))
  .refine(({ quotas, sendHooks }) => quotas || sendHooks);

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
