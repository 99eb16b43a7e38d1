import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ExchangeId } from '../../src/contract/ids.ts';
import {
  bodyOf,
  exchangeOf,
  framesOf,
  newId,
  openJournal,
  replayAll,
  sampleClosed,
  sampleOpened,
  scratchFolder,
  written,
} from './support.ts';

/** Overwrites a byte somewhere in the one place where `text` stands in a segment. */
function damage(path: string, text: string, by = 0): void {
  const at = readFileSync(path).indexOf(text);
  expect(at).toBeGreaterThan(0);
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.from([0xff]), 0, 1, at + by);
  closeSync(fd);
}

describe('a replay', () => {
  test('yields what ended as it ended, and then what did not', async () => {
    const folder = scratchFolder();
    const journal = await openJournal(folder);
    const [open, begun] = [newId(), newId()];
    journal.append(open, 'opened', sampleOpened(open));
    journal.append(open, 'request', Buffer.from('{"model":"gpt-5"}'));
    journal.append(open, 'head', { status: 200, headers: [['a', 'b']] });
    journal.append(open, 'response', Buffer.from('half of i'));
    const whole = await exchangeOf(journal, 'whole');
    journal.append(begun, 'opened', sampleOpened(begun));
    await written(journal, begun);
    await journal.close(5000);

    const { exchanges, order, reports } = await replayAll(folder);
    expect(order).toEqual([whole, open, begun]);
    expect(exchanges.get(whole)).toMatchObject({
      opened: sampleOpened(whole),
      closed: sampleClosed(),
      gateway: 'gw-test',
      segment: 1,
      missingFrames: 0,
    });
    expect(exchanges.get(open)).toMatchObject({ closed: undefined });
    expect(exchanges.get(begun)).toMatchObject({ closed: undefined });
    expect(await framesOf(exchanges.get(open)!)).toEqual([
      { kind: 'request', bytes: Buffer.from('{"model":"gpt-5"}') },
      { kind: 'head', status: 200, headers: [['a', 'b']] },
      { kind: 'response', bytes: Buffer.from('half of i') },
    ]);
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({
      segment: 1,
      gateway: 'gw-test',
      opened: [open, whole, begun],
      badPayloads: 0,
      skippedBytes: 0,
      tornBytes: 0,
    });
  });

  test('an exchange that spans segments is one exchange, of the segment it was opened in', async () => {
    const folder = scratchFolder();
    let sealed = 0;
    const journal = await openJournal(folder, { segmentBytes: 20_000, onSegmentSealed: () => (sealed += 1) });
    const id = newId();
    journal.append(id, 'opened', sampleOpened(id));
    const parts: string[] = [];
    while (sealed < 3) {
      const part = `part ${parts.length} ${'.'.repeat(1000)}`;
      parts.push(part);
      journal.append(id, 'response', Buffer.from(part));
      await written(journal, id);
      await exchangeOf(journal, 'another');
    }
    journal.append(id, 'closed', sampleClosed());
    await written(journal, id);
    await journal.close(5000);
    const { exchanges, reports } = await replayAll(folder);
    const exchange = exchanges.get(id)!;
    expect(exchange).toMatchObject({ segment: 1, missingFrames: 0, closed: sampleClosed() });
    expect((await bodyOf(exchange, 'response')).toString()).toBe(parts.join(''));
    expect(reports.filter((report) => report.opened.includes(id)).map((report) => report.segment)).toEqual([1]);
    expect(reports.flatMap((report) => report.opened)).toHaveLength(exchanges.size);
  });

  test('leaves out what this process writes', async () => {
    const folder = scratchFolder();
    const first = await openJournal(folder);
    const old = await exchangeOf(first, 'old');
    await first.close(5000);
    const second = await openJournal(folder);
    await exchangeOf(second, 'new');
    expect((await replayAll(folder, second.firstSegment)).order).toEqual([old]);
  });

  test('bodies are read when they are asked for, and again', async () => {
    const folder = scratchFolder();
    const journal = await openJournal(folder);
    const id = await exchangeOf(journal, 'body');
    await journal.close(5000);
    const exchange = (await replayAll(folder)).exchanges.get(id)!;
    expect((await bodyOf(exchange, 'response')).toString()).toBe('body');
    expect((await bodyOf(exchange, 'response')).toString()).toBe('body');
  });
});

describe('damage', () => {
  /** Three exchanges in one segment. */
  async function three(folder: string): Promise<[ExchangeId, ExchangeId, ExchangeId]> {
    const journal = await openJournal(folder);
    const ids: [ExchangeId, ExchangeId, ExchangeId] = [
      await exchangeOf(journal, 'the first answer'),
      await exchangeOf(journal, 'the second answer'),
      await exchangeOf(journal, 'the third answer'),
    ];
    await journal.close(5000);
    return ids;
  }

  test('a damaged body is left out and told, the others are whole', async () => {
    const folder = scratchFolder();
    const [one, two, three_] = await three(folder);
    damage(join(folder, 'journal-1.seg'), 'the second answer', 4);
    const { exchanges, reports } = await replayAll(folder);
    expect([...exchanges.keys()]).toEqual([one, two, three_]);
    expect(exchanges.get(two)).toMatchObject({ missingFrames: 1, closed: sampleClosed() });
    expect((await framesOf(exchanges.get(two)!)).map((frame) => frame.kind)).toEqual(['request']);
    expect(exchanges.get(three_)).toMatchObject({ missingFrames: 0 });
    expect(reports[0]).toMatchObject({ badPayloads: 1, lostOpened: 0, skippedBytes: 0 });
  });

  test('a damaged header costs its frame', async () => {
    const folder = scratchFolder();
    const [, two, three_] = await three(folder);
    // The last four bytes before the payload are the header's own check sum.
    damage(join(folder, 'journal-1.seg'), 'the second answer', -2);
    const { exchanges, reports } = await replayAll(folder);
    expect(exchanges.size).toBe(3);
    expect(exchanges.get(two)).toMatchObject({ missingFrames: 1 });
    expect(exchanges.get(three_)).toMatchObject({ missingFrames: 0 });
    expect(reports[0]!.skippedBytes).toBe(44 + 'the second answer'.length);
  });

  test('an exchange whose opened frame is damaged is counted as lost, not counted as opened', async () => {
    const folder = scratchFolder();
    const [one, two, three_] = await three(folder);
    damage(join(folder, 'journal-1.seg'), `{"id":"${two}"`, 3);
    const { exchanges, reports, orphans } = await replayAll(folder);
    expect([...exchanges.keys()]).toEqual([one, three_]);
    expect(reports[0]).toMatchObject({ opened: [one, three_], lostOpened: 1 });
    expect(orphans).toEqual([two]);
  });

  test('a torn tail is cut at the last good frame', async () => {
    const folder = scratchFolder();
    const [one, two, three_] = await three(folder);
    const path = join(folder, 'journal-1.seg');
    const at = readFileSync(path).indexOf('the third answer');
    truncateSync(path, at + 5);
    const { exchanges, reports } = await replayAll(folder);
    expect([...exchanges.keys()]).toEqual([one, two, three_]);
    expect(exchanges.get(three_)).toMatchObject({ closed: undefined });
    expect((await framesOf(exchanges.get(three_)!)).map((frame) => frame.kind)).toEqual(['request']);
    expect(reports[0]!.tornBytes).toBe(44 + 5);
  });

  test('a file that was made and never written holds nothing; one without a head is told and can be set aside', async () => {
    const folder = scratchFolder();
    await three(folder);
    writeFileSync(join(folder, 'journal-5.seg'), '');
    writeFileSync(join(folder, 'journal-6.seg'), Buffer.alloc(20_000, 7));
    const journal = await openJournal(folder);
    expect(journal.oldSegments).toEqual([1, 5, 6]);
    expect(journal.firstSegment).toBe(7);
    const { exchanges, reports } = await replayAll(folder, journal.firstSegment);
    expect(exchanges.size).toBe(3);
    expect(reports.map(({ segment, unreadable, opened }) => [segment, unreadable, opened.length])).toEqual([
      [1, false, 3],
      [5, false, 0],
      [6, true, 0],
    ]);
    const before = journal.stats().bytesOnDisk;
    await journal.setSegmentAside(6);
    expect(journal.oldSegments).toEqual([1, 5]);
    expect(before - journal.stats().bytesOnDisk).toBe(20_000);
    expect(readdirSync(folder)).toContain('journal-6.seg.bad');
    expect(statSync(join(folder, 'journal-6.seg.bad')).size).toBe(20_000);
  });
});
