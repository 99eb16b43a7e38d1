import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Capture } from '../../src/contract/capture.ts';
import { createCaptureStore, findBlobs } from '../../src/store/captures.ts';
import type { CaptureStore, OwnedBlob } from '../../src/store/captures.ts';
import { dayOf, DAY_MS } from '../../src/store/partitions.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { TEST_TIME_MS } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;
let store: CaptureStore;

beforeAll(async () => {
  postgres = await startTestPostgres('capture-store');
  ({ pool } = await postgres.migrated());
  store = createCaptureStore(pool);
});
afterAll(async () => {
  await postgres.stop();
});

const TODAY = dayOf(idAt(TEST_TIME_MS));

function blob(text: string, login = 'alice@example.com', day = TODAY): OwnedBlob {
  const body = Buffer.from(text);
  return {
    day,
    login,
    sha256: createHash('sha256').update(body).digest(),
    bytes: body.length,
    encoding: 'plain',
    body,
  };
}

function aCapture(changes: Partial<Capture> = {}): Capture {
  return {
    id: idAt(TEST_TIME_MS),
    login: 'alice@example.com',
    segment: 1,
    requestHeaders: [['content-type', 'application/json']],
    responseHeaders: [],
    request: { recipe: Buffer.from([0x00, 0x02, 0x7b, 0x7d]), bytes: 2, leftOut: null },
    response: { recipe: null, bytes: 7, leftOut: 'binary' },
    responsePace: null,
    missingFrames: 0,
    indexedHeaders: [],
    ...changes,
  };
}

async function capturesIn(segment: number): Promise<number> {
  const { rows } = await pool.query<{ captures_in: string }>(
    `SELECT captures_in FROM aperture.journal_segments WHERE gateway = 'gateway-a' AND segment = $1`,
    [segment],
  );
  return Number(rows[0]?.captures_in ?? 0);
}

describe('the capture store', () => {
  test('keeps the blobs of several logins and days in one go, each for its owner alone', async () => {
    const shared = 'what both have written';
    await store.storeBlobs([
      blob(shared),
      blob(shared, 'bob@example.com'),
      blob('of another day', 'bob@example.com', TODAY - 400),
    ]);
    // Again, with one that is new: what is there stays.
    await store.storeBlobs([blob(shared), blob('new')]);
    const { sha256 } = blob(shared);
    for (const login of ['alice@example.com', 'bob@example.com']) {
      const found = await findBlobs(pool, { day: TODAY, login }, [sha256]);
      expect(found.get(sha256.toString('hex'))?.body.toString()).toBe(shared);
    }
    expect(await findBlobs(pool, { day: TODAY, login: 'carol@example.com' }, [sha256])).toEqual(new Map());
    expect(await findBlobs(pool, { day: TODAY - 400, login: 'bob@example.com' }, [sha256])).toEqual(new Map());
    expect((await pool.query('SELECT 1 FROM aperture.blobs')).rowCount).toBe(4);
  });

  test('keeps every byte as it is, also none at all', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const every = { ...blob('every byte'), bytes: bytes.length, body: bytes };
    const none = { ...blob('no byte'), bytes: 0, body: new Uint8Array() };
    await store.storeBlobs([every, none]);
    const found = await findBlobs(pool, every, [every.sha256, none.sha256]);
    expect(found.get(every.sha256.toString('hex'))?.body).toEqual(bytes);
    expect(found.get(none.sha256.toString('hex'))?.body).toEqual(Buffer.alloc(0));
  });

  test('counts a capture in the watermark of its segment once, however often it comes', async () => {
    const [first, second] = [aCapture({ segment: 3 }), aCapture({ segment: 3 })];
    await store.storeCaptures('gateway-a', [first, second]);
    await store.storeCaptures('gateway-a', [second, aCapture({ segment: 4, id: idAt(TEST_TIME_MS - 400 * DAY_MS) })]);
    expect([await capturesIn(3), await capturesIn(4)]).toEqual([2, 1]);
    const { rows } = await pool.query(
      'SELECT request_recipe, request_bytes, response_recipe, response_left_out FROM aperture.captures WHERE id = $1',
      [first.id],
    );
    expect(rows).toEqual([
      {
        request_recipe: first.request?.recipe,
        request_bytes: '2',
        response_recipe: null,
        response_left_out: 'binary',
      },
    ]);
  });

  test('text that Postgres cannot hold is no obstacle', async () => {
    const capture = aCapture({ requestHeaders: [['x-odd', 'a\0b\ud800']] });
    await store.storeCaptures('gateway-a', [capture]);
    const { rows } = await pool.query('SELECT request_headers FROM aperture.captures WHERE id = $1', [capture.id]);
    expect(rows).toEqual([{ request_headers: [['x-odd', 'a\ufffdb\ufffd']] }]);
  });
});
