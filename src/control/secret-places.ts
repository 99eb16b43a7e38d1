export type Path = readonly (string | number)[];

/** A key in the text of a setting. */
export interface SecretPlace {
  /** As in references. */
  kind: string;
  owner: string;
  /** What a key is bound to: the setting's path without indices, which change with each entry above; a header's name. */
  place: Path;
  /** What stands before the key: a header's name, a scheme. */
  before: string;
  secret: string;
  /** The setting beside it that says where the key is sent to. */
  address: Path;
}

interface Rule {
  kind: string;
  /** Where the owners stand, by name. */
  section: Path;
  /** Whether a path within an owner is a key's. */
  holds: (inside: Path, owner: string) => boolean;
  /** Name of the owner's setting that says where the key is sent to. */
  address: string;
}

/** `Name: value`, with a name that says that the value is a credential. */
const SECRET_HEADER = /^(\s*([^:\s]*(?:auth|key|token|secret|password|cookie|credential)[^:\s]*)\s*:\s*)(.*)$/is;

/** What stands before the token of an `authorization`: `Splunk `, `Bearer `. */
const SCHEME = /^(\s*(?:[^\s${]+\s+)?)(.*)$/s;

/** Sections whose shape is open (connectors, webhooks): there a key is known by its name. */
const SECRET_NAME = /^(?:api_?key|secrets?|password|token|.*_(?:secret|token|password|key))$/i;

const RULES: readonly Rule[] = [
  { kind: 'p', section: ['providers'], holds: named('apikey'), address: 'baseurl' },
  { kind: 'h', section: ['hooks'], holds: named('apikey'), address: 'url' },
  { kind: 'w', section: ['exporters', 'webhooks'], holds: looksSecret, address: 'url' },
  // Of their headers, which mostly are tokens, each is sealed behind its scheme.
  { kind: 'o', section: ['exporters', 'otlp'], holds: () => false, address: 'endpoint' },
  { kind: 'c', section: ['connectors', 'servers'], holds: looksSecret, address: 'url' },
  { kind: 'm', section: ['mcp', 'servers'], holds: looksSecret, address: 'url' },
  {
    kind: 's3',
    section: ['exporters'],
    holds: (inside, owner) => owner === 's3' && inside.length === 1 && inside[0] === 'access_secret',
    address: 'endpoint',
  },
];
const SECTIONS = new Set(RULES.map(({ section }) => section[0]));

/** Whether keys can stand below this path: grants are long, and have none. */
export function mayHoldSecrets(path: Path): boolean {
  return path.length === 0 || SECTIONS.has(path[0]);
}

/** The key in a setting's text; undefined where it holds none. */
export function secretIn(path: Path, text: string): SecretPlace | undefined {
  for (const { kind, section, holds, address } of RULES) {
    if (!section.every((part, depth) => path[depth] === part)) continue;
    const owner = path[section.length];
    if (typeof owner !== 'string') continue;
    const inside = path.slice(section.length + 1);
    const common = { kind, owner, address: [...section, owner, address] };
    const place = path.filter((part) => typeof part === 'string');
    if (holds(inside, owner)) return { ...common, place, before: '', secret: text };
    if ((kind === 'w' && isAuthorization(inside)) || (kind === 'o' && isNamedHeader(inside))) {
      const [, before = '', secret = text] = SCHEME.exec(text) ?? [];
      return { ...common, place, before, secret };
    }
    const [, before, name, secret] = (isHeader(inside) ? SECRET_HEADER.exec(text) : null) ?? [];
    if (before === undefined || name === undefined || secret === undefined) continue;
    return { ...common, place: [...place, name.toLowerCase()], before, secret };
  }
  return undefined;
}

function isAuthorization(inside: Path): boolean {
  return inside.length === 1 && inside[0] === 'authorization';
}

function isNamedHeader(inside: Path): boolean {
  return inside.length === 2 && inside[0] === 'headers';
}

function isHeader(inside: Path): boolean {
  return inside.length === 2 && inside[0] === 'add_headers';
}

/** What a key is bound to: the origin of the address, or the address as it is written where macros stand in it. */
export function destinationOf(address: unknown): string {
  if (typeof address !== 'string') return '';
  if (address.includes('${') || !URL.canParse(address)) return address;
  const { origin } = new URL(address);
  return origin === 'null' ? address : origin;
}

function named(name: string): Rule['holds'] {
  return (inside) => inside.length === 1 && inside[0] === name;
}

/** Also each of a list of keys, as while they are rotated. */
function looksSecret(inside: Path): boolean {
  const name = inside.findLast((part) => typeof part === 'string');
  return name !== undefined && SECRET_NAME.test(name);
}
