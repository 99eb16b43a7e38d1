import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../src/lib/package-root.ts';

/**
 * The import table of docs/architecture.md, "Rooms": what each room may import. Rooms import downwards only; a room that
 * needs something sideways declares the small interface it needs, and a root hands it in.
 */
const FLAT = [
  'identity',
  'access',
  'quota',
  'routing',
  'keys',
  'protocols',
  'guardrails',
  'pricing',
  'journal',
  'capture',
  'records',
  'resources',
  'control',
  'store',
  'sinks',
  'export',
  'simulator',
  'audit',
];
const BASE = ['contract', 'lib'];
const ROOMS = [...FLAT, 'inspect', 'proxy'];
const ALLOWED: Record<string, string[]> = {
  lib: [],
  contract: ['lib'],
  ...Object.fromEntries(FLAT.map((room) => [room, BASE])),
  guardrails: [...BASE, 'protocols'],
  store: [...BASE, 'audit'],
  inspect: [...BASE, 'protocols', 'guardrails', 'pricing'],
  proxy: [...BASE, 'protocols'],
  front: [...BASE, ...ROOMS],
  admin: [...BASE, ...ROOMS],
  dashboard: [...BASE, ...ROOMS],
};
/** Roots build the rooms and join them; they may import all, and nobody imports them. */
const ROOTS = ['main.ts', 'serve', 'workers', 'config'];

interface Import {
  file: string;
  from: string;
  to: string;
}

const root = packageRoot();

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

/** The room of a file: the folder below `src`, or the top-level folder. */
function roomOf(file: string): string {
  const [top = '', second = ''] = file.split('/');
  return top === 'src' ? second : top;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\b[^;]*?from '(\.[^']+)'/gms)) {
    const target = relative(root, join(root, dirname(file), match[1] ?? ''));
    found.push({ file, from: roomOf(file), to: roomOf(target) });
  }
  return found;
}

const imports = [...sources('src'), ...sources('workers'), ...sources('config')].flatMap(importsOf);

test('the import table is read from real files', () => {
  expect(imports.length).toBeGreaterThan(300);
  for (const room of readdirSync(join(root, 'src'))) {
    if (room === 'setup' || ROOTS.includes(room)) continue;
    expect(Object.keys(ALLOWED), `src/${room} has no line in the import table: say what it may import`).toContain(room);
  }
});

test('rooms import downwards only', () => {
  const wrong = imports
    .filter(({ from, to }) => from !== to && !ROOTS.includes(from) && !(ALLOWED[from] ?? []).includes(to))
    .map(
      ({ file, from, to }) =>
        `${file} imports ${to}: ${from} may import ${(ALLOWED[from] ?? []).join(', ')}. Declare the interface you need in ${from}, and let a root hand it in.`,
    );
  expect(wrong).toEqual([]);
});

test('nobody imports a root, and only roots read config', () => {
  const wrong = imports
    .filter(({ from, to }) => ROOTS.includes(to) && !ROOTS.includes(from))
    .map(({ file, to }) => `${file} imports ${to}: rooms are handed their slice by a root`);
  expect(wrong).toEqual([]);
});

test('only roots read the environment', () => {
  const wrong = [...sources('src')]
    .filter((file) => !ROOTS.includes(roomOf(file)))
    .filter((file) => /process\.env\b/.test(readFileSync(join(root, file), 'utf8')))
    .map((file) => `${file} reads the environment: take it as a parameter`);
  expect(wrong).toEqual([]);
});

test('an import names the file that defines a thing', () => {
  const barrels = [...sources('src'), ...sources('workers'), ...sources('config')].filter((file) =>
    file.endsWith('/index.ts'),
  );
  expect(barrels, 'index files hide direction and invite cycles').toEqual([]);
});
