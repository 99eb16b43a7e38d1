import type { Path } from './problem.ts';

export type EnvironmentVariables = Readonly<Record<string, string | undefined>>;

export interface Substituted {
  value: unknown;
  /** Strings that name variables which are not there. */
  unsubstituted: { path: Path; names: string[] }[];
}

const MACRO = /\$\$\{|\$\{([^{}]*)\}/g;
const REFERENCE = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/**
 * Replaces `${NAME}` in every string value by the environment's variable; `${NAME:-text}` takes the text where the
 * variable is missing or empty, and `$${` stands for a plain `${`. What is put in is not looked at again.
 */
export function substituteMacros(value: unknown, env: EnvironmentVariables): Substituted {
  const unsubstituted: Substituted['unsubstituted'] = [];
  const replace = (text: string, path: Path): string => {
    const names: string[] = [];
    const replaced = text.replace(MACRO, (whole: string, inside: string | undefined) => {
      if (inside === undefined) return '${';
      const [, name = inside, fallback] = REFERENCE.exec(inside) ?? [];
      const found = Object.hasOwn(env, name) ? env[name] : undefined;
      const text = fallback !== undefined && (found ?? '') === '' ? fallback : found;
      if (text === undefined) names.push(name);
      return text ?? whole;
    });
    if (names.length > 0) unsubstituted.push({ path, names });
    return replaced;
  };
  const walk = (node: unknown, path: Path): unknown => {
    if (typeof node === 'string') return replace(node, path);
    if (Array.isArray(node)) return node.map((element, index) => walk(element, [...path, index]));
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, member]) => [key, walk(member, [...path, key])]));
  };
  return { value: walk(value, []), unsubstituted };
}
