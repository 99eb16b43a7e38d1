/** What a name may end with, in the order in which a key is looked for. */
const TEMPLATES = [':<user>', ':<node>'];

/**
 * The name that a bucket's key belongs to, of those that `has` knows: the key itself, or for `daily:alice@example.com` the
 * name `daily:<user>`. A name has one colon at most.
 */
export function nameOfKey(key: string, has: (name: string) => boolean): string | undefined {
  if (has(key)) return key;
  const colon = key.indexOf(':');
  if (colon < 0) return undefined;
  const prefix = key.slice(0, colon);
  return TEMPLATES.map((template) => prefix + template).find(has);
}

/** Whether a bucket's key belongs to one of these quotas. */
export function definedKeys(names: readonly string[]): (key: string) => boolean {
  const all = new Set(names);
  return (key) => nameOfKey(key, (name) => all.has(name)) !== undefined;
}
