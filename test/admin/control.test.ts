import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ControlDesk } from '../../src/admin/control-desk.ts';
import type { AdminAnswer } from '../../src/contract/question.ts';
import { answerControl } from '../../src/admin/routes.ts';
import type { Revocation, TokenEntry } from '../../src/contract/control.ts';
import type { Fault } from '../../src/contract/fault.ts';
import { TokenDirectory } from '../../src/identity/tokens.ts';
import { failed, ok } from '../../src/lib/result.ts';
import { aCaller } from '../support/caller.ts';
import { HandClock } from '../support/hand-clock.ts';

/** What the control thread will be: here it keeps all in memory, and can be away. */
class Desk implements ControlDesk {
  away = false;
  kept: { tokens: TokenEntry[]; revocations: Revocation[] } = { tokens: [], revocations: [] };

  tokens() {
    return this.#done(() => ok(this.kept.tokens));
  }
  createToken(entry: TokenEntry) {
    return this.#done(() => {
      this.kept.tokens.push(entry);
      return ok(undefined);
    });
  }
  revokeToken(id: string) {
    return this.#done(() => {
      const entry = this.kept.tokens.find((each) => each.id === id);
      if (entry === undefined) return failed<Fault>({ code: 'not_found', what: 'the token' });
      entry.revokedAtMs ??= clock.nowMs();
      return ok(undefined);
    });
  }
  revocations() {
    return this.#done(() => ok(this.kept.revocations));
  }
  addRevocation(revocation: Revocation) {
    return this.#done(() => {
      this.kept.revocations.push(revocation);
      return ok(undefined);
    });
  }
  liftRevocation(id: string) {
    return this.#done(() => {
      const at = this.kept.revocations.findIndex((each) => each.id === id);
      if (at < 0) return failed<Fault>({ code: 'not_found', what: 'the revocation' });
      this.kept.revocations.splice(at, 1);
      return ok(undefined);
    });
  }

  #done<T>(change: () => T): Promise<T | { ok: false; fault: Fault }> {
    return Promise.resolve(
      this.away ? failed<Fault>({ code: 'store_unavailable', why: 'it does not answer' }) : change(),
    );
  }
}

const clock = new HandClock();
let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});

const ROOT = aCaller({ login: 'root@example.com', nodeId: 'n-root', nodeName: 'desk', groups: [] });

async function ask(method: string, path: string, body?: unknown, role: 'admin' | 'user' = 'admin') {
  const bytes = body === undefined ? new Uint8Array(0) : Buffer.from(JSON.stringify(body));
  return read(await answerControl(desk, clock, { method, path, query: '', body: bytes, caller: ROOT, role }));
}

function read(answer: AdminAnswer | undefined): { status: number; body: Record<string, unknown> } {
  if (answer === undefined) return { status: 0, body: {} };
  const body: unknown = answer.body === '' ? {} : JSON.parse(answer.body);
  return { status: answer.status, body: body as Record<string, unknown> };
}

async function items(path: string): Promise<unknown> {
  return (await ask('GET', path)).body['items'];
}

const isoIn = (ms: number): string => new Date(clock.nowMs() + ms).toISOString();

describe('every route, for every role', () => {
  const id = 'aaaaaaaaaaaaaaaa';
  test.each([
    ['GET', '/api/tokens', 200],
    ['POST', '/api/tokens', 400],
    ['DELETE', `/api/tokens/${id}`, 404],
    ['GET', '/api/revocations', 200],
    ['POST', '/api/revocations', 400],
    ['DELETE', `/api/revocations/${id}`, 404],
    // Methods that a path does not take.
    ['DELETE', '/api/tokens', 405],
    ['PUT', '/api/tokens', 405],
    ['GET', `/api/tokens/${id}`, 405],
    ['PATCH', `/api/revocations/${id}`, 405],
    ['constructor', '/api/tokens', 405],
  ])('%s %s: %i for an admin, 403 for a user', async (method, path, status) => {
    expect((await ask(method, path)).status).toBe(status);
    desk.kept.tokens = [];
    const user = await ask(method, path, { name: 'x', kind: 'login', value: 'x' }, 'user');
    expect(user).toMatchObject({ status: 403, body: { code: 'gateway_forbidden' } });
    expect(desk.kept).toEqual({ tokens: [], revocations: [] });
  });

  test.each(['/api/token', '/api/tokens/', '/api/tokens/A', '/api/tokens/a/b', '/api/tokens/..', '/tokens', '/api'])(
    '%s is none of them',
    (path) => {
      const question = {
        method: 'GET',
        path,
        query: '',
        body: new Uint8Array(0),
        caller: ROOT,
        role: 'admin' as const,
      };
      expect(answerControl(desk, clock, question)).toBeUndefined();
    },
  );

  test('while the store is away every change is a 503, and nothing has changed', async () => {
    desk.away = true;
    const answers = [
      await ask('GET', '/api/tokens'),
      await ask('POST', '/api/tokens', { name: 'x' }),
      await ask('DELETE', `/api/tokens/${id}`),
      await ask('GET', '/api/revocations'),
      await ask('POST', '/api/revocations', { kind: 'login', value: 'x' }),
      await ask('DELETE', `/api/revocations/${id}`),
    ];
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503, 503]);
    expect(JSON.stringify(answers)).not.toContain('apt_');
    expect(desk.kept).toEqual({ tokens: [], revocations: [] });
  });
});

describe('tokens', () => {
  test('one is made, told once, works, is listed without its secret, and is revoked', async () => {
    const expires_at = isoIn(60_000);
    const { status, body } = await ask('POST', '/api/tokens', { name: 'CI Build', tags: ['tag:ci'], expires_at });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^[a-z2-7]{16}$/),
      token: expect.stringMatching(/^apt_[a-z2-7]{16}_[0-9A-Za-z]{49}$/),
      name: 'CI Build',
      login: 'token:ci-build',
      tags: ['tag:ci'],
      state: 'active',
      created_at: new Date(clock.nowMs()).toISOString(),
      expires_at,
      revoked_at: null,
    });
    const { token, ...shown } = body;
    const directory = new TokenDirectory(clock);
    directory.reconfigure(desk.kept.tokens);
    expect(directory.callerOf([String(token)])).toMatchObject({ ok: true, value: { login: 'token:ci-build' } });
    expect(await items('/api/tokens')).toEqual([shown]);
    expect(JSON.stringify([await items('/api/tokens'), desk.kept])).not.toContain(String(token).slice(21));
    expect(JSON.stringify(await items('/api/tokens'))).not.toContain(desk.kept.tokens[0]?.sha256);

    expect(await ask('DELETE', `/api/tokens/${String(body['id'])}`)).toEqual({ status: 204, body: {} });
    expect(await items('/api/tokens')).toEqual([
      { ...shown, state: 'revoked', revoked_at: new Date(clock.nowMs()).toISOString() },
    ]);
  });

  test('without expiry it holds until it is revoked; with one it is shown as expired after it', async () => {
    await ask('POST', '/api/tokens', { name: 'for ever' });
    await ask('POST', '/api/tokens', { name: 'for a second', expires_at: isoIn(1000) });
    clock.advance(1000);
    expect(await items('/api/tokens')).toMatchObject([
      { expires_at: null, state: 'active' },
      { login: 'token:for-a-second', state: 'expired' },
    ]);
  });

  test.each<[unknown, string, string]>([
    [{}, 'name', ''],
    [{ name: '' }, 'name', 'is empty'],
    [{ name: 'x'.repeat(129) }, 'name', 'longer than 128'],
    [{ name: 'a\nb' }, 'name', 'plain text'],
    [{ name: 'a\u202eb' }, 'name', 'plain text'],
    [{ name: 'x', login: 'alice@example.com' }, 'login', 'must be "token:"'],
    [{ name: 'x', login: 'tag:ci' }, 'login', 'must be "token:"'],
    [{ name: 'x', login: '(loopback)' }, 'login', 'must be "token:"'],
    [{ name: 'x', login: 'token:a,b' }, 'login', 'must be "token:"'],
    [{ name: 'ä' }, 'login', 'must be given'],
    [{ name: 'x', tags: ['group:admins'] }, 'tags.0', 'must be a tag'],
    [{ name: 'x', tags: ['tag:a,tag:b'] }, 'tags.0', 'must be a tag'],
    [{ name: 'x', tags: Array(33).fill('tag:a') }, 'tags', 'more than 32'],
    [{ name: 'x', expires_at: '2020-01-01T00:00:00Z' }, 'expires_at', 'not in the future'],
    [{ name: 'x', expires_at: 'tomorrow' }, 'expires_at', 'must be a time'],
    [{ name: 'x', expire_at: null }, 'body', 'expire_at'],
    [[], 'body', ''],
    ['x', 'body', ''],
  ])('%j is refused, naming %s', async (body, name, why) => {
    const answer = await ask('POST', '/api/tokens', body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'gateway_bad_parameter' } });
    expect(answer.body['error']).toContain(`parameter ${name}: `);
    expect(answer.body['error']).toContain(why);
    expect(desk.kept.tokens).toEqual([]);
  });
});

describe('revocations', () => {
  test('one is made, listed, runs out by the clock, and is lifted', async () => {
    const until = isoIn(1000);
    const made = { kind: 'model', value: 'openai/gpt-5', reason: 'too dear', until };
    const { status, body } = await ask('POST', '/api/revocations', made);
    expect(status).toBe(201);
    expect(body).toEqual({
      ...made,
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      by: 'root@example.com',
      state: 'in_force',
      created_at: new Date(clock.nowMs()).toISOString(),
    });
    expect(desk.kept.revocations).toMatchObject([{ kind: 'model', untilMs: clock.nowMs() + 1000 }]);
    expect(await items('/api/revocations')).toEqual([body]);
    clock.advance(1000);
    expect(await items('/api/revocations')).toEqual([{ ...body, state: 'expired' }]);
    expect((await ask('DELETE', `/api/revocations/${String(body['id'])}`)).status).toBe(204);
    expect(await items('/api/revocations')).toEqual([]);
  });

  test.each<[unknown, string, string]>([
    [{ kind: 'login' }, 'value', ''],
    [{ kind: 'group', value: 'x' }, 'kind', 'must be one of login, node, token, session, model'],
    [{ kind: 'login', value: '' }, 'value', 'is empty'],
    [{ kind: 'login', value: ' alice@example.com' }, 'value', 'blanks around it'],
    [{ kind: 'login', value: 'x'.repeat(513) }, 'value', 'longer than 512'],
    [{ kind: 'login', value: 'x', reason: 'a\r\nb' }, 'reason', 'plain text'],
    [{ kind: 'login', value: 'x', reason: 'x'.repeat(501) }, 'reason', 'longer than 500'],
    [{ kind: 'login', value: 'x', until: '2020-01-01T00:00:00Z' }, 'until', 'not in the future'],
    [{ kind: 'login', value: 'x', by: 'eve' }, 'body', 'by'],
    // Whoever asks stays able to lift it.
    [{ kind: 'login', value: 'root@example.com' }, 'value', 'your own access'],
    [{ kind: 'node', value: 'n-root' }, 'value', 'your own access'],
  ])('%j is refused, naming %s', async (body, name, why) => {
    const answer = await ask('POST', '/api/revocations', body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'gateway_bad_parameter' } });
    expect(answer.body['error']).toContain(`parameter ${name}: `);
    expect(answer.body['error']).toContain(why);
    expect(desk.kept.revocations).toEqual([]);
  });
});

test('bytes of any kind are answered, and make nothing', async () => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.json().map((text) => Buffer.from(text)),
    fc.constantFrom(Buffer.from('{"name":"x"'), Buffer.from([0xff, 0xfe]), Buffer.from('null')),
  );
  await fc.assert(
    fc.asyncProperty(noise, fc.constantFrom('/api/tokens', '/api/revocations'), async (body, path) => {
      const answer = read(
        await answerControl(desk, clock, { method: 'POST', path, query: '', body, caller: ROOT, role: 'admin' }),
      );
      expect(answer).toMatchObject({ status: 400, body: { code: 'gateway_bad_parameter' } });
    }),
    { numRuns: 500 },
  );
});
