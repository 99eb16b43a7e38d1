import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { BEGINNING, chained, EMPTY, hashOf } from '../../src/audit/chain.ts';
import { checkpointOf, checkpointsIn, lineOf } from '../../src/audit/checkpoint.ts';
import { auditKeyOf, auditSeedOf, readPublicKey } from '../../src/audit/key.ts';
import { LogVerifier, sentenceOf } from '../../src/audit/verify.ts';
import type { Finding } from '../../src/audit/verify.ts';
import type { ChainedEntry, Checkpoint } from '../../src/contract/audit.ts';
import { aLog, endOf, KEY, NOW, OTHER_KEY, SECRET_KEY, someEntries } from './support.ts';

const COUNT = 40;

function verify(entries: readonly ChainedEntry[], checkpoints: readonly Checkpoint[]): Finding | undefined {
  const verifier = new LogVerifier([KEY], EMPTY);
  const last = BigInt(entries.at(-1)?.number ?? 0);
  const within = checkpoints.filter(({ number }) => BigInt(number) <= last);
  return verifier.take(entries, within) ?? verifier.finish(checkpoints.slice(within.length));
}

describe('the encoding', () => {
  test('is that of docs/audit.md: a hash worked out by hand', () => {
    const entry: ChainedEntry = {
      number: '1',
      atMs: '1700000000000',
      by: 'zoë@example.com',
      nodeId: '',
      action: 'token.created',
      target: 't1',
      details: '{"a":1}',
      previous: BEGINNING,
      hash: BEGINNING,
    };
    const text = `,1:1,13:1700000000000,16:zoë@example.com,0:,13:token.created,2:t1,7:{"a":1},`;
    const encoded = Buffer.concat([Buffer.from('32:'), Buffer.alloc(32), Buffer.from(text)]);
    expect(hashOf(entry).toString('hex')).toBe(createHash('sha256').update(encoded).digest('hex'));
  });

  test('does not let columns run into each other', () => {
    const one = { ...aLog(1).entries[0], by: 'ab', nodeId: 'c' } as ChainedEntry;
    expect(hashOf(one)).not.toEqual(hashOf({ ...one, by: 'a', nodeId: 'bc' }));
  });

  test('an entry that cannot be stored as it is is hashed as it will be stored', () => {
    const [entry] = chained(EMPTY, [{ ...someEntries(1)[0], by: 'a\0b', target: 'x\ud800' } as never]);
    expect(entry).toMatchObject({ by: 'a\ufffdb', target: 'x\ufffd' });
  });
});

/** The row with one byte of one column changed, each byte of each. */
function* altered(entry: ChainedEntry): Generator<[string, ChainedEntry]> {
  for (const column of ['previous', 'hash'] as const) {
    for (let at = 0; at < entry[column].byteLength; at += 1) {
      const bytes = Buffer.from(entry[column]);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      yield [`${column}[${at}]`, { ...entry, [column]: bytes }];
    }
  }
  for (const column of ['atMs', 'by', 'nodeId', 'action', 'target', 'details'] as const) {
    const bytes = Buffer.from(entry[column]);
    for (let at = 0; at < bytes.byteLength; at += 1) {
      const changed = Buffer.from(bytes);
      // A digit stays one: the column holds numbers only.
      changed[at] = column === 'atMs' ? 48 + (((bytes[at] ?? 0) - 48 + 1) % 10) : (bytes[at] ?? 0) ^ 1;
      yield [`${column}[${at}]`, { ...entry, [column]: changed.toString('latin1') }];
    }
    yield [`${column} with one byte more`, { ...entry, [column]: `${entry[column]}0` }];
  }
}

describe('a log', () => {
  const { entries, checkpoints } = aLog(COUNT);

  test('that nobody touched is found good', () => {
    expect(verify(entries, checkpoints)).toBeUndefined();
  });

  test('with any byte of any column of any entry altered is found wrong at that entry', () => {
    let tried = 0;
    for (const [index, entry] of entries.entries()) {
      for (const [what, row] of altered(entry)) {
        const verifier = new LogVerifier([KEY], index === 0 ? EMPTY : endOf(entries[index - 1] as ChainedEntry));
        const finding = verifier.take([row], []);
        expect(finding, `${what} of ${entry.number}`).toEqual({ kind: 'altered', number: BigInt(entry.number) });
        tried += 1;
      }
      const whole = verify(entries.with(index, { ...entry, by: `${entry.by}x` }), checkpoints);
      expect(whole).toEqual({ kind: 'altered', number: BigInt(entry.number) });
    }
    expect(tried).toBeGreaterThan(COUNT * 64);
  });

  test('with another number on any entry is found wrong there', () => {
    for (const [index, entry] of entries.entries()) {
      const moved = { ...entry, number: String(BigInt(entry.number) + 100n) };
      const sorted = entries.with(index, moved).sort((a, b) => Number(BigInt(a.number) - BigInt(b.number)));
      const number = BigInt(entry.number);
      const wanted =
        index === COUNT - 1
          ? { kind: 'missing', from: number, to: number + 99n }
          : { kind: 'missing', from: number, to: number };
      expect(verify(sorted, checkpoints)).toEqual(wanted);
    }
    expect(verify([{ ...(entries[4] as ChainedEntry), number: '0' }, ...entries], checkpoints)).toEqual({
      kind: 'surplus',
      number: 0n,
    });
  });

  test('with entries taken out, swapped or put in between is found wrong there', () => {
    const without = (from: number, to: number) => entries.filter((_, index) => index + 1 < from || index + 1 > to);
    expect(verify(without(9, 12), checkpoints)).toEqual({ kind: 'missing', from: 9n, to: 12n });
    expect(verify(without(1, 1), checkpoints)).toEqual({ kind: 'missing', from: 1n, to: 1n });
    const [a, b] = [entries[6], entries[7]] as [ChainedEntry, ChainedEntry];
    const swapped = entries.with(6, { ...b, number: a.number }).with(7, { ...a, number: b.number });
    expect(verify(swapped, checkpoints)).toEqual({ kind: 'altered', number: 7n });
  });

  test('whose end is cut off is found by a checkpoint, also when nothing is left', () => {
    expect(verify(entries.slice(0, 33), checkpoints)).toEqual({ kind: 'cut', end: 33n, checkpoint: 40n });
    expect(verify([], checkpoints)).toEqual({ kind: 'cut', end: 0n, checkpoint: 10n });
  });

  test('with an entry made anew, hash and all, does not go on from it', () => {
    const { previous, number } = entries[20] as ChainedEntry;
    const forged = chained({ number: BigInt(number) - 1n, hash: previous }, [someEntries(1)[0] as never])[0];
    expect(verify(entries.with(20, forged as ChainedEntry), [])).toEqual({ kind: 'unlinked', number: 22n });
  });

  test('written anew from an entry on follows in itself, and not from what was signed', () => {
    const kept = entries.slice(0, 24);
    const anew = chained(endOf(kept.at(-1) as ChainedEntry), someEntries(COUNT - 24));
    const whole = [...kept, ...anew];
    expect(verify(whole, [])).toBeUndefined();
    const finding = verify(whole, checkpoints);
    expect(finding).toEqual({ kind: 'rewritten', checkpoint: 30n, since: 20n });
    expect(sentenceOf(finding as Finding)).toContain('between entry 21 and it');
    // With checkpoints of its own, by whoever does not have the key.
    const signed = checkpointOf(endOf(whole[29] as ChainedEntry), NOW, OTHER_KEY);
    const own = checkpoints.with(2, signed);
    expect(verify(whole, own)).toMatchObject({ kind: 'foreign', checkpoint: '30', keyId: OTHER_KEY.id });
    expect(verify(whole, checkpoints.with(2, { ...signed, keyId: KEY.id }))).toEqual({
      kind: 'forged',
      checkpoint: '30',
    });
  });

  test('with any byte of any checkpoint altered is found wrong', () => {
    for (const [index, checkpoint] of checkpoints.entries()) {
      for (const column of ['hash', 'signature'] as const) {
        for (let at = 0; at < checkpoint[column].byteLength; at += 1) {
          const bytes = Buffer.from(checkpoint[column]);
          bytes[at] = (bytes[at] ?? 0) ^ 1;
          const finding = verify(entries, checkpoints.with(index, { ...checkpoint, [column]: bytes }));
          expect(finding).toEqual({ kind: 'forged', checkpoint: checkpoint.number });
        }
      }
      const later = { ...checkpoint, atMs: String(BigInt(checkpoint.atMs) + 1n) };
      expect(verify(entries, checkpoints.with(index, later))).toEqual({ kind: 'forged', checkpoint: later.number });
    }
  });
});

describe('the key', () => {
  test('is the same for the same secret, and no other', () => {
    expect(auditKeyOf(auditSeedOf(SECRET_KEY)).id).toBe(KEY.id);
    expect(OTHER_KEY.id).not.toBe(KEY.id);
  });

  test('is exported as PEM, by whose fingerprint checkpoints name it', () => {
    const read = readPublicKey(KEY.pem);
    const der = Buffer.from(KEY.pem.replace(/-----[^-]+-----|\n/g, ''), 'base64');
    expect(read.id).toBe(createHash('sha256').update(der).digest('hex'));
    expect(read.verify('said', KEY.sign('said'))).toBe(true);
    expect(read.verify('said otherwise', KEY.sign('said'))).toBe(false);
    expect(() => readPublicKey('no key')).toThrow();
  });
});

test('checkpoints are found in log lines of all kinds', () => {
  const { checkpoints } = aLog(COUNT);
  const lines = checkpoints.map((checkpoint) =>
    JSON.stringify({ level: 30, checkpoint: lineOf(checkpoint), msg: 'x' }),
  );
  const text = ['noise', '{"checkpoint": 7}', '{"checkpoint', ...lines.map((line) => `Nov 28 host: ${line}`)].join(
    '\n',
  );
  expect(checkpointsIn(text).map(({ number }) => number)).toEqual(['10', '20', '30', '40']);
  expect(verify(aLog(COUNT).entries, checkpointsIn(text))).toBeUndefined();
});
