import { beforeEach, describe, expect, test } from 'vitest';
import { answerHolds } from '../../src/admin/holds.ts';
import type { HoldDesk } from '../../src/admin/holds.ts';
import type { Caller } from '../../src/contract/caller.ts';
import type { Fault } from '../../src/contract/fault.ts';
import type { Hold } from '../../src/contract/hold.ts';
import type { AdminAnswer } from '../../src/contract/question.ts';
import { failed, ok } from '../../src/lib/result.ts';
import { aCaller } from '../support/caller.ts';
import { HandClock } from '../support/hand-clock.ts';

/** In place of the database: keeps all in memory. */
class Desk implements HoldDesk {
  kept: Hold[] = [];

  list() {
    return Promise.resolve(ok(this.kept));
  }
  add(hold: Hold) {
    this.kept.push(hold);
    return Promise.resolve(ok(undefined));
  }
  release(id: string, { login }: Caller) {
    const hold = this.kept.find((each) => each.id === id && each.releasedAtMs === null);
    if (hold === undefined) return Promise.resolve(failed<Fault>({ code: 'not_found', what: 'the hold' }));
    Object.assign(hold, { releasedAtMs: clock.nowMs(), releasedBy: login });
    return Promise.resolve(ok(undefined));
  }
}

const clock = new HandClock();
let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});

const ROOT = aCaller({ login: 'root@example.com', nodeId: 'n-root', nodeName: 'desk', groups: [] });

async function ask(
  method: string,
  path: string,
  body?: unknown,
  role: 'admin' | 'user' = 'admin',
): Promise<{ status: number; body: Record<string, unknown> }> {
  const bytes = new TextEncoder().encode(body === undefined ? '' : JSON.stringify(body));
  const asked = answerHolds(desk, clock, { method, path, query: '', body: bytes, caller: ROOT, role });
  if (asked === undefined) throw new Error(`nobody answers ${path}`);
  const answer: AdminAnswer = await asked;
  const read: Record<string, unknown> = answer.body === '' ? {} : JSON.parse(answer.body);
  return { status: answer.status, body: read };
}

describe('/api/holds', () => {
  test('adds a hold with who asked and why, lists it, and releases it', async () => {
    const wish = { login: 'alice@example.com', from: '2026-11-01T00:00:00+01:00', reason: 'case 7' };
    const added = await ask('POST', '/api/holds', wish);
    expect(added).toMatchObject({
      status: 201,
      body: {
        login: 'alice@example.com',
        session: null,
        from: '2026-10-31T23:00:00.000Z',
        to: null,
        reason: 'case 7',
        by: 'root@example.com',
        released_at: null,
      },
    });
    expect((await ask('GET', '/api/holds')).body).toEqual({ items: [added.body], next: null });
    const path = `/api/holds/${String(added.body['id'])}`;
    expect((await ask('DELETE', path)).status).toBe(204);
    expect((await ask('GET', '/api/holds')).body).toMatchObject({ items: [{ released_by: 'root@example.com' }] });
    expect((await ask('DELETE', path)).status).toBe(404);
    expect((await ask('DELETE', '/api/holds/nonsense')).status).toBe(404);
  });

  test.each([
    ['nothing that is held', { reason: 'x' }, 'login'],
    ['no reason', { login: 'a@example.com' }, 'reason'],
    ['an empty reason', { login: 'a@example.com', reason: '' }, 'reason'],
    ['a time that is none', { session: 's', from: 'yesterday', reason: 'x' }, 'from'],
    ['no time at all', { session: 's', from: '2026-11-02T00:00:00Z', to: '2026-11-01T00:00:00Z', reason: 'x' }, 'from'],
    ['what nobody knows', { session: 's', reason: 'x', node: 'n1' }, 'body'],
  ])('%s is a 400 that names the field', async (_, wish, name) => {
    const { status, body } = await ask('POST', '/api/holds', wish);
    expect([status, body['code']]).toEqual([400, 'gateway_bad_parameter']);
    expect(body['error']).toContain(`parameter ${name}`);
    expect(desk.kept).toEqual([]);
  });

  test('is for admins, and takes no other method', async () => {
    for (const method of ['GET', 'POST']) expect((await ask(method, '/api/holds', {}, 'user')).status).toBe(403);
    expect((await ask('PUT', '/api/holds')).status).toBe(405);
    expect((await ask('GET', '/api/holds/1')).status).toBe(405);
  });
});
