import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { recordItem } from '../../src/export/cbor.ts';
import { beginFile } from '../../src/export/file.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { zeroUsage } from '../../src/contract/usage.ts';

/** Debian's own, which has its `python3-cbor2` (`src/setup/test.mjs` installs it). */
const PYTHON = '/usr/bin/python3';

test('the five lines of docs/export.md read a file', async () => {
  const docs = readFileSync(join(packageRoot(), 'docs/export.md'), 'utf8');
  const code = /```python\n([^]*?)```/.exec(docs)?.[1] ?? '';
  const exchange = {
    id: 'x',
    receivedAtMs: 0,
    endedAtMs: 1,
    login: 'alice@example.com',
    nodeId: 'n1',
    tags: [],
    model: 'm',
    api: 'openai_chat' as const,
    usage: { ...zeroUsage(), output: 2 },
    serverTools: {},
    costNanodollars: null,
    costBasis: null,
    sessionId: 's',
    path: '/',
    status: 200,
    toolCalls: [],
  };
  const writer = await beginFile({ partBytes: 1000 });
  for (const number of [1, 2]) writer.add(recordItem(number, exchange, undefined));
  const folder = mkdtempSync(join(tmpdir(), 'aperture-test-'));
  writeFileSync(join(folder, 'file.cbor.zstd'), Buffer.concat(writer.end().parts));
  execFileSync('zstd', ['-dq', join(folder, 'file.cbor.zstd'), '-o', join(folder, 'file.cbor')]);
  writeFileSync(join(folder, 'read.py'), code);
  const said = execFileSync(PYTHON, [join(folder, 'read.py'), join(folder, 'file.cbor')], { encoding: 'utf8' });
  expect(said).toBe("1 alice@example.com m {'output_tokens': 2}\n2 alice@example.com m {'output_tokens': 2}\n");
  rmSync(folder, { recursive: true });
});
