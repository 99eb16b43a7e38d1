import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';
import { writeOnce, writeWhole } from '../../src/lib/whole-file.ts';

const WRITERS = 4;
const BUILT = join(packageRoot(), 'dist', 'src', 'lib', 'whole-file.js');

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aperture-test-file-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Runs the same lines on several threads at once; `n` is the thread's number. */
async function together(lines: string): Promise<void> {
  const code = (n: number): string =>
    `import(${JSON.stringify(BUILT)}).then(({ writeOnce, writeWhole }) => { const n = ${n}; ${lines} })`;
  await Promise.all(
    Array.from({ length: WRITERS }, (_, n) => {
      const writer = new Worker(code(n), { eval: true });
      return new Promise<void>((resolve, reject) => {
        writer.once('error', reject);
        writer.once('exit', () => {
          resolve();
        });
      });
    }),
  );
}

test('of several writers none fails, and the file is always one of their texts', async () => {
  const folder = scratch();
  const file = join(folder, 'state');
  await together(`for (let i = 0; i < 200; i += 1) writeWhole(${JSON.stringify(file)}, String(n).repeat(50_000));`);
  expect(readFileSync(file, 'utf8')).toMatch(/^(\d)\1{49999}$/);
  expect(readdirSync(folder)).toEqual(['state']);
});

test('what several make at once, the first makes', async () => {
  const folder = scratch();
  const file = join(folder, 'key');
  writeOnce(file, 'first');
  await together(`writeOnce(${JSON.stringify(file)}, String(n));`);
  expect(readFileSync(file, 'utf8')).toBe('first');
  expect(readdirSync(folder)).toEqual(['key']);
});

test('what is written is readable by us alone, and nothing is left of a write that fails', () => {
  const folder = scratch();
  const file = join(folder, 'secret');
  writeWhole(file, 'text');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(() => {
    writeWhole(join(folder, 'missing', 'secret'), 'text');
  }).toThrow('ENOENT');
  expect(readdirSync(folder)).toEqual(['secret']);
});
