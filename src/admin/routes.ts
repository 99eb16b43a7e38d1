import type { AdminAnswer, AdminQuestion } from '../contract/question.ts';
import type { Clock } from '../lib/clock.ts';
import type { ControlDesk } from './control-desk.ts';
import { refusal } from './question.ts';
import { addRevocation, liftRevocation, listRevocations } from './revocations.ts';
import { createToken, listTokens, revokeToken } from './tokens.ts';

/** Ids in paths: a token's, a UUID. Anything else is nobody's. */
const ID = /^[a-z0-9-]{1,64}$/;

/** What one path takes, by method. */
type Methods = ReadonlyMap<string, () => Promise<AdminAnswer>>;

/**
 * `/api/tokens` and `/api/revocations`, for admins alone: GET lists, POST makes, DELETE of one ends it. Undefined where
 * the path is none of these.
 */
export function answerControl(
  desk: ControlDesk,
  clock: Clock,
  question: AdminQuestion,
): Promise<AdminAnswer> | undefined {
  const { method, path, role } = question;
  const methods = methodsOf(desk, clock, question);
  if (methods === undefined) return undefined;
  // Who may not ask is not told what there is to ask.
  if (role !== 'admin') return Promise.resolve(refusal({ code: 'forbidden', what: `${path} needs admin` }));
  const run = methods.get(method);
  if (run !== undefined) return run();
  const allow = [...methods.keys()].join(', ');
  return Promise.resolve(refusal({ code: 'method_not_allowed', method, path, allow }));
}

function methodsOf(desk: ControlDesk, clock: Clock, { path, caller, body }: AdminQuestion): Methods | undefined {
  const [, api, list, id, ...rest] = path.split('/');
  if (api !== 'api' || rest.length > 0 || (id !== undefined && !ID.test(id))) return undefined;
  if (list === 'tokens') {
    if (id !== undefined) return new Map([['DELETE', () => revokeToken(desk, id, caller)]]);
    return new Map([
      ['GET', () => listTokens(desk, clock)],
      ['POST', () => createToken(desk, clock, caller, body)],
    ]);
  }
  if (list === 'revocations') {
    if (id !== undefined) return new Map([['DELETE', () => liftRevocation(desk, id, caller)]]);
    return new Map([
      ['GET', () => listRevocations(desk, clock)],
      ['POST', () => addRevocation(desk, clock, caller, body)],
    ]);
  }
  return undefined;
}
