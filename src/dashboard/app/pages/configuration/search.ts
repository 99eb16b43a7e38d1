import * as z from 'zod/mini';

const TABS = ['editor', 'versions', 'providers', 'grants', 'quotas', 'rules'] as const;
export type Tab = (typeof TABS)[number];

const word = () => z.catch(z.optional(z.string().check(z.minLength(1), z.maxLength(600))), undefined);

/** What the address of this page says. What it says wrongly counts as not said. Nothing of the config's text is in it. */
export const ConfigurationSearch = z.object({
  tab: z.catch(z.optional(z.enum(TABS)), undefined),
  /** Versions: which one is looked at, and beside what. */
  version: z.catch(z.optional(z.number().check(z.int(), z.positive())), undefined),
  against: z.catch(z.optional(z.enum(['previous', 'now'])), undefined),
  /** Grants: who is asked about. */
  login: word(),
  node: word(),
  tags: word(),
  groups: word(),
  model: word(),
  /** Quotas: what the names of buckets begin with. */
  bucket: word(),
  /** Rules: which one is tried. */
  rule: word(),
});
export type ConfigurationSearch = z.infer<typeof ConfigurationSearch>;
