import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import type { TestGateway } from '../../support/gateway.ts';
import { until } from '../../support/until.ts';
import { books } from '../mixed-streams.ts';
import { ASKERS, shown } from './askers.ts';
import type { Asker, Question } from './askers.ts';

/** What each SDK shows of the gateway's own faults: the class that programs catch, and our sentence for their users. */
const BODY_LIMIT = 64 * 1024;
const IDLE_MS = 500;

let gateway: TestGateway;
/** Nobody has a role in it. */
let closed: TestGateway;

beforeAll(async () => {
  const admin = { role: 'admin' };
  const models = ['*/gpt-5-mini', '*/claude-haiku-4-5', '*/gemini-2.5-flash'].map((glob) => ({ models: glob }));
  [gateway, closed] = await Promise.all([startFor([admin, ...models]), startFor([])]);
});
afterAll(async () => {
  await Promise.all([gateway.stop(), closed.stop()]);
});

/** A gateway with one provider for each vendor; all of them have a model that no grant names. */
function startFor(capabilities: Record<string, unknown>[], idleMs = IDLE_MS): Promise<TestGateway> {
  const baseurl = 'http://127.0.0.1:${APERTURE_SIMULATOR_PORT}';
  const grants = [{ src: ['(loopback)'], app: { 'tailscale.com/cap/aperture': capabilities } }];
  return startGateway({
    config: {
      providers: {
        openai: {
          baseurl,
          models: ['gpt-5-mini', 'not-granted'],
          compatibility: { openai_chat: true, openai_responses: true },
        },
        anthropic: {
          baseurl,
          models: ['claude-haiku-4-5', 'not-granted'],
          compatibility: { openai_chat: false, anthropic_messages: true },
        },
        google: {
          baseurl,
          models: ['gemini-2.5-flash', 'not-granted'],
          compatibility: { openai_chat: false, gemini_generate_content: true },
        },
      },
      grants,
      server: {
        limits: { body_bytes: `${BODY_LIMIT}B` },
        timeouts: { idle: `${idleMs}ms` },
        drain: { within: '1s' },
      },
    },
  });
}

async function refused(asker: Asker, question: Partial<Question>): Promise<ReturnType<typeof shown>> {
  const whole = { origin: gateway.url, model: asker.model, prompt: 'Say hello', stream: false, ...question };
  return asker.ask(whole).then(
    () => {
      throw new Error('the SDK told its caller of no error');
    },
    (error: unknown) => shown(error),
  );
}

interface Refusal {
  question: () => Partial<Question>;
  status: 403 | 404 | 413;
  code: string;
  sentence: string;
}

const REFUSALS: Record<string, Refusal> = {
  'a model that does not exist': {
    question: () => ({ model: 'no-such-model' }),
    status: 404,
    code: 'gateway_model_unknown',
    sentence: 'it does not exist here or you have no grant for it',
  },
  'a model without a grant': {
    question: () => ({ model: 'not-granted' }),
    status: 404,
    code: 'gateway_model_unknown',
    sentence: 'it does not exist here or you have no grant for it',
  },
  'a body over the limit': {
    question: () => ({ prompt: 'x'.repeat(BODY_LIMIT) }),
    status: 413,
    code: 'gateway_body_too_large',
    sentence: `exceeds this gateway's limit of ${BODY_LIMIT} bytes`,
  },
  'a caller without a role': {
    question: () => ({ origin: closed.url }),
    status: 403,
    code: 'gateway_no_role',
    sentence: 'access denied: no role granted',
  },
};

describe.each(Object.entries(ASKERS))('%s', (_name, asker) => {
  test.each(Object.entries(REFUSALS))('%s: its class, our sentence and our code', async (_what, refusal) => {
    const { error, status, text } = await refused(asker, refusal.question());
    expect({ error, status }).toEqual({ error: asker.errorFor[refusal.status], status: refusal.status });
    expect(text).toContain(`gateway: `);
    expect(text).toContain(refusal.sentence);
    expect(text.toLowerCase()).toContain(refusal.code);
  });

  test.each([false, true])('with a stream asked for (%s), a refusal is the same', async (stream) => {
    const { error, status } = await refused(asker, { model: 'no-such-model', stream });
    expect({ error, status }).toEqual({ error: asker.errorFor[404], status: 404 });
  });

  test('a stream that the gateway has to end raises an error with our sentence', async () => {
    const stalled = { stream: true, headers: { 'x-sim': 'events=10;stall_after=3' } };
    const { error, text } = await refused(asker, stalled);
    expect(error).toBe(asker.errorInStream);
    expect(text).toContain(`did not answer within ${IDLE_MS} ms (server.timeouts.idle)`);
  });
});

test(
  'a stream that a gateway which restarts has to end raises an error that says so',
  { timeout: 180_000 },
  async () => {
    const ending = await startFor([{ role: 'admin' }, { models: '**' }], 30_000);
    let ended: Promise<number | null> | undefined;
    try {
      const streams = Object.entries(ASKERS).map(async ([name, asker]) => {
        const long = { origin: ending.url, stream: true, headers: { 'x-sim': 'events=1000;pace=100ms' } };
        return { name, asker, shown: await refused(asker, long) };
      });
      await until('all streams run', async () => {
        const { entries } = await books(Number(new URL(ending.simulatorUrl).port));
        return entries.filter(({ events_sent }) => events_sent > 5).length === streams.length;
      });
      ended = ending.stop();
      for (const { name, asker, shown } of await Promise.all(streams)) {
        expect({ name, error: shown.error }).toEqual({ name, error: asker.errorInStream });
        expect(shown.text).toContain('aperture is restarting, retry this request');
      }
      expect(await ended).toBe(3);
    } finally {
      await (ended ?? ending.stop());
    }
  },
);
