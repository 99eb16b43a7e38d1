import type { Path } from './problem.ts';

/** What stands at a place of a config as it was written; undefined where nothing does. */
export function valueAt(value: unknown, path: Path): unknown {
  let node = value;
  for (const part of path) {
    if (Array.isArray(node)) {
      const elements: unknown[] = node;
      node = elements[Number(part)];
    } else if (isObject(node) && Object.hasOwn(node, part)) node = node[part];
    else return undefined;
  }
  return node;
}

export function isObject(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
