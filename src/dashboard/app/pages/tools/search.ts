import * as z from 'zod/mini';
import { rangeSearch } from '../../design/time-range.ts';

/** What calls of tools are counted by. By user is an admin's. */
export const TOOL_GROUPS = ['name', 'agent', 'model', 'login'] as const;
export type ToolGroup = (typeof TOOL_GROUPS)[number];

const text = z.catch(z.optional(z.string()), undefined);

/** What the address of this page says. What it says wrongly counts as not said. */
export const ToolsSearch = z.object({
  ...rangeSearch,
  name: text,
  agent: text,
  model: text,
  login: text,
  by: z.catch(z.optional(z.enum(TOOL_GROUPS)), undefined),
});
export type ToolsSearch = z.infer<typeof ToolsSearch>;
