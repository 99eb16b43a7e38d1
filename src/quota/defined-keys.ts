/** The one template that a name may end with. */
const TEMPLATE = /^(.*:)<(?:user|node)>$/s;

/**
 * Whether a bucket's key belongs to one of these quotas: `daily:<user>` defines all keys that begin with `daily:`, a name
 * without a template the key that is equal to it.
 */
export function definedKeys(names: readonly string[]): (key: string) => boolean {
  const whole = new Set<string>();
  const prefixes: string[] = [];
  for (const name of names) {
    const prefix = TEMPLATE.exec(name)?.[1];
    if (prefix === undefined) whole.add(name);
    else prefixes.push(prefix);
  }
  return (key) => whole.has(key) || prefixes.some((prefix) => key.startsWith(prefix));
}
