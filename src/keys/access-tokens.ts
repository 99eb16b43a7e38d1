import { z } from 'zod';
import type { Fault } from '../contract/fault.ts';
import { Lru } from '../lib/lru.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { tokenForm } from './service-account.ts';
import type { ServiceAccount } from './service-account.ts';

/** Posts a form to a token server; a fault is a word on why there was no answer. A root hands it in. */
export type AskTokenServer = (url: string, form: string) => Promise<Result<{ status: number; body: string }, string>>;

const Granted = z.looseObject({
  access_token: z.string().regex(/^[\x21-\x7e]{1,8192}$/),
  expires_in: z.number().positive().max(86_400).default(3600),
});

/** Accounts whose tokens are kept. A config has a few. */
const ACCOUNTS = 64;

/** So long before its end a token is renewed, or a fifth of its life before it where that is less; meanwhile it serves on. */
const RENEW_BEFORE_MS = 5 * 60_000;

/** So long before its end none is handed out any more: the way to the provider takes time, and clocks differ. */
const MARGIN_MS = 10_000;

/** A token server that failed is not asked again before: requests in between are told the same. */
const PAUSE_MS = 1_000;

interface Kept {
  /** Secret. */
  token: string;
  renewAtMs: number;
  endsAtMs: number;
}

interface Account {
  kept: Kept | undefined;
  asking: Promise<Result<string, Fault>> | undefined;
  refused: { fault: Fault; untilMs: number } | undefined;
}

/** Access tokens of service accounts, for the whole process: a change of the config asks for no new ones. */
export class AccessTokens {
  readonly #ask: AskTokenServer;
  readonly #accounts = new Lru<string, Account>(ACCOUNTS);

  constructor(ask: AskTokenServer) {
    this.#ask = ask;
  }

  /** A token that is good for a while. Many who wait for one ask once. `name` is the same for the same key. */
  token(name: string, account: ServiceAccount, provider: string, nowMs: number): Promise<Result<string, Fault>> {
    let state = this.#accounts.get(name);
    if (state === undefined) {
      state = { kept: undefined, asking: undefined, refused: undefined };
      this.#accounts.set(name, state);
    }
    const { kept, refused } = state;
    const good = kept !== undefined && nowMs < kept.endsAtMs - MARGIN_MS ? kept : undefined;
    if (good !== undefined && nowMs < good.renewAtMs) return Promise.resolve(ok(good.token));
    const pausing = refused !== undefined && nowMs < refused.untilMs ? refused.fault : undefined;
    if (pausing === undefined) state.asking ??= this.#renew(state, account, provider, nowMs);
    if (good !== undefined) return Promise.resolve(ok(good.token));
    return state.asking ?? Promise.resolve(failed(pausing ?? unreachable(provider, 'it was not asked')));
  }

  async #renew(
    state: Account,
    account: ServiceAccount,
    provider: string,
    nowMs: number,
  ): Promise<Result<string, Fault>> {
    const got = await granted(this.#ask, account, provider, nowMs).catch(() =>
      // A bug in asking; its text could hold what was sent.
      failed(unreachable(provider, 'asking its token server failed')),
    );
    state.asking = undefined;
    if (!got.ok) {
      state.refused = { fault: got.fault, untilMs: nowMs + PAUSE_MS };
      return got;
    }
    const { token, lifeMs } = got.value;
    const endsAtMs = nowMs + lifeMs;
    state.kept = { token, endsAtMs, renewAtMs: endsAtMs - Math.min(RENEW_BEFORE_MS, lifeMs / 5) };
    state.refused = undefined;
    return ok(token);
  }
}

async function granted(
  ask: AskTokenServer,
  account: ServiceAccount,
  provider: string,
  nowMs: number,
): Promise<Result<{ token: string; lifeMs: number }, Fault>> {
  const answer = await ask(account.tokenUrl, tokenForm(account, nowMs));
  if (!answer.ok) return failed(unreachable(provider, `its token server: ${answer.fault}`));
  const { status, body } = answer.value;
  if (status >= 500 || status === 429) return failed(unreachable(provider, `its token server answered ${status}`));
  const read = status === 200 ? Granted.safeParse(jsonOf(body)) : undefined;
  if (read?.success !== true) {
    const why = status === 200 ? 'gave no token' : `refused its keyfile with ${status}${reasonIn(body)}`;
    return failed({ code: 'provider_misconfigured', provider, why: `its token server ${why}` });
  }
  return ok({ token: read.data.access_token, lifeMs: read.data.expires_in * 1000 });
}

function unreachable(provider: string, why: string): Fault {
  return { code: 'upstream_unreachable', provider, why };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** OAuth's word for what is wrong, which is one of a list, and no more of what a server says. */
function reasonIn(body: string): string {
  const said = z.looseObject({ error: z.string().regex(/^[a-z_]{1,40}$/) }).safeParse(jsonOf(body));
  return said.success ? ` (${said.data.error})` : '';
}
