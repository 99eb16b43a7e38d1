import type { NamedResource } from '../contract/resource.ts';

/** Under what memory has it. */
export function keyOf({ kind, id }: NamedResource): string {
  return `${kind} ${id}`;
}
