/** One thing that is wrong with a config, and where. Never holds a secret: see `shown`. */
export interface Problem {
  severity: 'error' | 'warning';
  /** For example `providers.openai.baseurl`; empty for the document as a whole. */
  path: string;
  /** From 1; 0 where the problem is not in the file but in the environment. */
  line: number;
  /** From 1, in UTF-16 units as editors count; 0 with line 0. */
  column: number;
  message: string;
  /** A remark of ours that Aperture would not make: it never rejects a config, not even in strict mode. */
  advisory: boolean;
}

/** A problem before its place in the file was looked up. */
export interface Finding {
  severity: 'error' | 'warning';
  path: Path;
  /** The key is wrong, or what should stand beside it is missing; otherwise the value is wrong. */
  atKey: boolean;
  message: string;
  advisory: boolean;
}

export type Path = readonly (string | number)[];

/** The value at the path is wrong, and the config cannot be used. */
export function errorAt(path: Path, message: string): Finding {
  return { severity: 'error', path, atKey: false, message, advisory: false };
}

const PLAIN_KEY = /^[A-Za-z0-9_$<>-]+$/;

/** `grants[0].app["tailscale.com/cap/aperture"][1].models` */
export function pathText(path: Path): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (PLAIN_KEY.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

/** A word up to this long is shown whole: setting names and mistyped values fit, provider keys are longer. */
const SHOWN_CHARACTERS = 32;
/** What is shown of a longer one: enough to find it in the file, too little to use. */
const SHOWN_PREFIX = 8;

/**
 * As much of a config value as a message may quote. Values reach logs through messages, and a key pasted into the
 * wrong field is a secret still, so only the first word is shown, and only the beginning of a long one.
 */
export function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return '…';
  const word = /^[^\s=]*/.exec(value)?.[0] ?? '';
  const visible = word.length > SHOWN_CHARACTERS ? word.slice(0, SHOWN_PREFIX) : word;
  return visible === value ? value : `${visible}…`;
}

/** A URL as a message may quote it: without user, password, query and fragment. */
export function shownUrl(text: string): string {
  const bare = text.replace(/[?#].*$/s, '?…');
  return bare.replace(/^([^/]*\/\/)?[^/]*@/, '$1…@').slice(0, 200);
}
