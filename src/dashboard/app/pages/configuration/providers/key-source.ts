import { textOf } from '../config-text.ts';
import type { Fields } from '../config-text.ts';

/** Where a provider's key comes from; never the key. */
export type KeySource =
  | { kind: 'environment'; names: string[]; optional: boolean }
  | { kind: 'sealed'; reference: string }
  | { kind: 'client' }
  | { kind: 'none' }
  /** It stands in the file of a single node until the first save seals it. */
  | { kind: 'written' };

/** `${NAME}` and `${NAME:-text}`; `$${` is a plain `${`. */
const MACRO = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}/g;

export function keySource(provider: Fields): KeySource {
  const mode = textOf(provider['auth_mode']);
  if (mode === 'passthrough') return { kind: 'client' };
  const key = textOf(provider['apikey']);
  if (mode === 'none' || key === '') return { kind: 'none' };
  if (key.startsWith('keyid:')) return { kind: 'sealed', reference: key };
  const macros = [...key.matchAll(MACRO)].filter(([, name]) => name !== undefined);
  if (macros.length === 0) return { kind: 'written' };
  return {
    kind: 'environment',
    names: macros.map(([, name = '']) => name),
    optional: macros.every(([, , otherwise]) => otherwise !== undefined),
  };
}
