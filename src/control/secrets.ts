import { applyEdits, parseTree } from 'jsonc-parser';
import type { Edit, Node, ParseError } from 'jsonc-parser';
import { REFERENCE_PREFIX } from './sealing.ts';
import type { Sealer, SealedSecret } from './sealing.ts';
import { destinationOf, mayHoldSecrets, secretIn } from './secret-places.ts';
import type { Path, SecretPlace } from './secret-places.ts';

export interface SealedText {
  /** As written, but for references in place of keys. */
  text: string;
  /** The keys that were written out. */
  secrets: SealedSecret[];
  /** Keys that stand a second time where none belongs, as in a comment: the text would give them away. */
  misplaced: SecretFault[];
}

export interface SecretFault {
  path: Path;
  message: string;
}

/** A key that comes from the environment is no secret of the text. */
const FROM_ENVIRONMENT = /^\$\{[A-Za-z_][A-Za-z0-9_]*(?::-)?\}$/;

/** A shorter word may well stand elsewhere by chance, and is no key that anybody issues. */
const SEARCHED_CHARACTERS = 16;

/** Puts references in place of the keys of a config text, which must be HuJSON; all else stays byte for byte. */
export function sealText(written: string, sealer: Sealer): SealedText {
  const errors: ParseError[] = [];
  // A byte order mark is white space, as for the reader of configs.
  const source = written.startsWith('\uFEFF') ? ` ${written.slice(1)}` : written;
  const root = parseTree(source, errors, { allowTrailingComma: true, disallowComments: false });
  if (root === undefined || errors.length > 0) return { text: written, secrets: [], misplaced: [] };
  const edits: Edit[] = [];
  const found: { path: Path; secret: string; sealed: SealedSecret }[] = [];
  eachString(root, [], (node, path) => {
    const text: unknown = node.value;
    const place = typeof text === 'string' ? secretIn(path, text) : undefined;
    if (place === undefined || !isLiteral(place.secret)) return;
    const { kind, owner, before, secret } = place;
    const sealed = sealer.seal({
      kind,
      owner,
      place: JSON.stringify(place.place),
      destination: destinationOf(lastAt(root, place.address)?.value),
      secret,
    });
    found.push({ path, secret, sealed });
    edits.push({ offset: node.offset, length: node.length, content: JSON.stringify(before + sealed.reference) });
  });
  const text = applyEdits(written, edits);
  return {
    text,
    secrets: found.map(({ sealed }) => sealed),
    misplaced: found
      .filter(({ secret }) => secret.trim().length >= SEARCHED_CHARACTERS && text.includes(secret.trim()))
      .map(({ path, secret }) => ({
        path,
        message: `this key stands in the text a second time, on line ${lineOf(text, secret.trim())}: take it out there`,
      })),
  };
}

export interface OpenedValue {
  value: unknown;
  faults: SecretFault[];
}

/** Puts keys in place of the references of a config's value. What cannot be opened is told, and empty. */
export function openSecrets(value: unknown, secrets: ReadonlyMap<string, SealedSecret>, sealer: Sealer): OpenedValue {
  const faults: SecretFault[] = [];
  const open = (text: string, path: Path): string => {
    const place = secretIn(path, text);
    if (place === undefined || !isReference(place.secret)) return text;
    const sealed = secrets.get(place.secret.trim());
    const opened = openedFor(sealed, destinationOf(valueAt(value, place.address)), place, sealer);
    if ('secret' in opened) return place.before + opened.secret;
    faults.push({ path, message: opened.why });
    return place.before;
  };
  const walk = (node: unknown, path: Path): unknown => {
    if (!mayHoldSecrets(path)) return node;
    if (Array.isArray(node)) return node.map((element, index) => walk(element, [...path, index]));
    if (typeof node === 'object' && node !== null) {
      return Object.fromEntries(Object.entries(node).map(([key, member]) => [key, walk(member, [...path, key])]));
    }
    return typeof node === 'string' ? open(node, path) : node;
  };
  return { value: walk(value, []), faults };
}

function openedFor(
  sealed: SealedSecret | undefined,
  destination: string,
  { address, place }: SecretPlace,
  sealer: Sealer,
): { secret: string } | { why: string } {
  if (sealed === undefined) return { why: 'this reference names no stored key: write the key itself' };
  if (sealed.place !== JSON.stringify(place)) {
    return { why: 'this reference belongs to another setting and cannot be moved: write the key itself' };
  }
  if (sealed.destination !== destination) {
    const setting = String(address.at(-1));
    return {
      why: `this key was given for another ${setting} than the one it would now be sent to: write the key again`,
    };
  }
  const secret = sealer.open(sealed);
  if (secret !== undefined) return { secret };
  return {
    why: 'this key was sealed with another secret key: give every gateway the same APERTURE_SECRET_KEY_FILE, or write the key again',
  };
}

function isReference(text: string): boolean {
  return text.trim().startsWith(REFERENCE_PREFIX);
}

function isLiteral(text: string): boolean {
  return text.trim() !== '' && !isReference(text) && !FROM_ENVIRONMENT.test(text.trim());
}

/** Every string value of a document, of members that are written twice both. */
function eachString(node: Node, path: Path, take: (node: Node, path: Path) => void): void {
  if (!mayHoldSecrets(path)) return;
  if (node.type === 'string') take(node, path);
  if (node.type === 'array') {
    (node.children ?? []).forEach((child, index) => {
      eachString(child, [...path, index], take);
    });
  }
  if (node.type === 'object') for (const { key, value } of membersOf(node)) eachString(value, [...path, key], take);
}

function membersOf(node: Node): { key: string; value: Node }[] {
  return (node.children ?? []).flatMap((property) => {
    const [name, value] = property.children ?? [];
    const key: unknown = name?.value;
    return typeof key === 'string' && value !== undefined ? [{ key, value }] : [];
  });
}

/** Of members that are written twice the last counts, as for the reader of configs. */
function lastAt(root: Node, path: Path): Node | undefined {
  let node: Node | undefined = root;
  for (const part of path) {
    node = node?.type === 'object' ? membersOf(node).findLast(({ key }) => key === part)?.value : undefined;
  }
  return node;
}

function valueAt(value: unknown, path: Path): unknown {
  let node = value;
  for (const part of path) {
    node = typeof node === 'object' && node !== null && Object.hasOwn(node, part) ? Reflect.get(node, part) : undefined;
  }
  return node;
}

function lineOf(text: string, word: string): number {
  return text.slice(0, text.indexOf(word)).split('\n').length;
}
