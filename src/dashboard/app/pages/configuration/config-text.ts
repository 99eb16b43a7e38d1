import { findNodeAtLocation, getNodeValue, parseTree } from 'jsonc-parser';
import type { Remark } from './answers.ts';

/*
 * Reading of a config's text for what the pages show of it: who is granted what, where a key comes from. What does not have
 * the expected shape is left out; whether a config is sound, the gateway says.
 */

export type Fields = Readonly<Record<string, unknown>>;

/** The config as a value; empty where the text is none. */
export function configOf(text: string): Fields {
  const tree = parseTree(text, [], { allowTrailingComma: true });
  return tree === undefined ? {} : fieldsOf(getNodeValue(tree));
}

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
export function textsOf(value: unknown): string[] {
  return listOf(value).filter((each) => typeof each === 'string');
}
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** `grants[0].app["tailscale.com/cap/aperture"][1].models` in its parts (config/problem.ts writes it). */
export function pathParts(path: string): (string | number)[] {
  const parts: (string | number)[] = [];
  for (const [, key, index, quoted] of path.matchAll(
    /(?:^|\.)([A-Za-z0-9_$<>-]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/g,
  )) {
    if (key !== undefined) parts.push(key);
    else if (index !== undefined) parts.push(Number(index));
    else if (quoted !== undefined) parts.push(String(JSON.parse(quoted)));
  }
  return parts;
}

export interface Place {
  from: number;
  to: number;
}

/**
 * Where in a text a remark belongs: at the line and column that the gateway says, else where its path leads, as far as it
 * leads; the beginning where it is about the whole.
 */
export function placeOf(text: string, { path, line, column }: Pick<Remark, 'path' | 'line' | 'column'>): Place {
  if (line > 0) {
    const lineFrom = nthLine(text, line);
    const from = Math.min(lineFrom + Math.max(0, column - 1), text.length);
    return { from, to: endOfToken(text, from) };
  }
  const tree = parseTree(text, [], { allowTrailingComma: true });
  const parts = pathParts(path);
  for (let length = parts.length; tree !== undefined && length > 0; length -= 1) {
    const node = findNodeAtLocation(tree, parts.slice(0, length));
    if (node !== undefined) return { from: node.offset, to: endOfToken(text, node.offset) };
  }
  return { from: 0, to: endOfToken(text, 0) };
}

function nthLine(text: string, line: number): number {
  let from = 0;
  for (let at = 1; at < line; at += 1) {
    const end = text.indexOf('\n', from);
    if (end === -1) return text.length;
    from = end + 1;
  }
  return from;
}

/** A string to its end, a word to its end, else one character; never into the next line. */
function endOfToken(text: string, from: number): number {
  const token = /^(?:"(?:[^"\\\n]|\\.)*"?|[\w.+-]+|[^\n])/.exec(text.slice(from, from + 2000));
  return from + (token?.[0].length ?? 0);
}
