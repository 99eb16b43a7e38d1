import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { beginFile } from '../../src/export/file.ts';

const unpacked = (file: Uint8Array): Buffer => execFileSync('zstd', ['-dc'], { input: file, maxBuffer: 1024 ** 3 });

test('what is written is one frame that the zstd program reads, in parts of one size', async () => {
  // Hashes do not compress; text does.
  const hashes = Array.from({ length: 20_000 }, (_, at) => createHash('sha256').update(String(at)).digest());
  const items = [Buffer.concat(hashes), Buffer.alloc(3 * 1024 * 1024, 'text '), Buffer.from('end')];
  const file = await beginFile({ partBytes: 100_000 });
  for (const item of items) file.add(item);
  expect(file.itemBytes).toBe(items.reduce((sum, { length }) => sum + length, 0));
  const { parts, bytes, sha256 } = file.end();
  const whole = Buffer.concat(parts);
  expect(unpacked(whole).equals(Buffer.concat(items))).toBe(true);
  expect([bytes, sha256]).toEqual([whole.length, createHash('sha256').update(whole).digest('hex')]);
  expect(bytes).toBeGreaterThan(640_000);
  expect(bytes).toBeLessThan(660_000);
  expect(parts.slice(0, -1).every(({ length }) => length === 100_000)).toBe(true);
  // One frame: decoders that read one and stop read all of it.
  const folder = mkdtempSync(join(tmpdir(), 'aperture-test-'));
  writeFileSync(join(folder, 'file.zst'), whole);
  const [, counts] = execFileSync('zstd', ['-l', join(folder, 'file.zst')], { encoding: 'utf8' }).split('\n');
  expect(counts?.trim().split(/\s+/)[0]).toBe('1');
  rmSync(folder, { recursive: true });
});

test('a file that was begun and given up leaves nothing in the next', async () => {
  const given = await beginFile({ partBytes: 1000 });
  given.add(Buffer.alloc(500_000, 'x'));
  const file = await beginFile({ partBytes: 1000 });
  file.add(Buffer.from('alone'));
  expect(unpacked(Buffer.concat(file.end().parts)).toString()).toBe('alone');
});
