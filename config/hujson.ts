import { createScanner, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { Node, ParseError } from 'jsonc-parser';
import type { Path } from './problem.ts';

export interface Place {
  line: number;
  column: number;
}

/** A config text as read: its value, and where each part of it stands. */
export interface HujsonDocument {
  value: unknown;
  syntaxErrors: { message: string; place: Place }[];
  duplicateKeys: { key: string; path: Path; place: Place }[];
  /** Where the value at a path stands; for a path that does not exist, the nearest key above it. */
  placeOf(path: Path): Place;
  /** Where the key of an object's member stands. */
  placeOfKey(path: Path): Place;
}

/** Far beyond any config; keeps the recursive readers within their stack. */
const DEEPEST = 100;
/** A config with 50,000 logins is about 2 MiB. */
const MOST_CHARACTERS = 16 * 1024 * 1024;

/** Reads JSON with comments and trailing commas. Of two equal keys the last wins, as in Go. Never throws. */
export function readHujson(source: string): HujsonDocument {
  const text = source.startsWith('\uFEFF') ? ` ${source.slice(1)}` : source;
  const places = placesOf(text);
  const refused = text.length > MOST_CHARACTERS ? tooLarge() : findTooDeep(text, places);
  if (refused !== undefined) return withoutTree(refused);

  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
  const duplicateKeys: HujsonDocument['duplicateKeys'] = [];
  const toValue = (node: Node, path: Path): unknown => {
    if (node.type === 'array') return (node.children ?? []).map((child, index) => toValue(child, [...path, index]));
    if (node.type !== 'object') return literalOf(node);
    const members = new Map<string, unknown>();
    for (const { key, property, value } of membersOf(node)) {
      const memberPath = [...path, key];
      if (members.has(key)) duplicateKeys.push({ key, path: memberPath, place: places(property.offset) });
      members.set(key, toValue(value, memberPath));
    }
    return Object.fromEntries(members);
  };

  return {
    value: root === undefined ? undefined : toValue(root, []),
    syntaxErrors: errors.map(({ error, offset }) => ({
      message: `hujson: ${words(printParseErrorCode(error))}`,
      place: places(offset),
    })),
    duplicateKeys,
    placeOf: (path) => {
      const { node, exact } = nearest(root, path);
      return places((exact ? node : keyOf(node))?.offset ?? 0);
    },
    placeOfKey: (path) => places(keyOf(nearest(root, path).node)?.offset ?? 0),
  };
}

function tooLarge(): { message: string; place: Place } {
  return { message: `hujson: longer than ${MOST_CHARACTERS} characters`, place: { line: 1, column: 1 } };
}

function withoutTree(error: { message: string; place: Place }): HujsonDocument {
  const start = { line: 1, column: 1 };
  return {
    value: undefined,
    syntaxErrors: [error],
    duplicateKeys: [],
    placeOf: () => start,
    placeOfKey: () => start,
  };
}

function findTooDeep(text: string, places: (offset: number) => Place): { message: string; place: Place } | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (;;) {
    scanner.scan();
    const offset = scanner.getTokenOffset();
    // Behind an unended comment the scanner goes on giving tokens for ever, beyond the text.
    if (scanner.getTokenLength() === 0 || offset >= text.length) return undefined;
    const first = text[offset];
    if (first === '{' || first === '[') depth += 1;
    if (first === '}' || first === ']') depth -= 1;
    if (depth > DEEPEST) return { message: `hujson: nested deeper than ${DEEPEST} levels`, place: places(offset) };
  }
}

/** Line starts are found once; a place is then a binary search. */
function placesOf(text: string): (offset: number) => Place {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  };
}

function membersOf(node: Node): { key: string; property: Node; value: Node }[] {
  const members: { key: string; property: Node; value: Node }[] = [];
  for (const property of node.children ?? []) {
    const [name, value] = property.children ?? [];
    const key: unknown = name?.value;
    if (typeof key === 'string' && value !== undefined) members.push({ key, property, value });
  }
  return members;
}

function literalOf(node: Node): unknown {
  const value: unknown = node.value;
  return node.type === 'null' ? null : value;
}

function nearest(root: Node | undefined, path: Path): { node: Node | undefined; exact: boolean } {
  let node = root;
  for (const part of path) {
    const next = node === undefined ? undefined : childOf(node, part);
    if (next === undefined) return { node, exact: false };
    node = next;
  }
  return { node, exact: true };
}

function childOf(node: Node, part: string | number): Node | undefined {
  if (typeof part === 'number') return node.type === 'array' ? node.children?.[part] : undefined;
  return node.type === 'object' ? membersOf(node).findLast(({ key }) => key === part)?.value : undefined;
}

/** The member that holds a value, which begins at its key; an element of an array stands for itself. */
function keyOf(node: Node | undefined): Node | undefined {
  return node?.parent?.type === 'property' ? node.parent : node;
}

/** `CommaExpected` -> `comma expected` */
function words(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
}
