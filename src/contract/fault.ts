import type { RevocationKind } from './control.ts';
import type { RuleId } from './ids.ts';
import { unreachable } from '../lib/result.ts';

/** Every way a request can fail by our own word. A fault carries the numbers needed to act on it. */
export type Fault =
  | { code: 'no_identity'; why: string }
  | { code: 'token_refused'; why: TokenRefusal }
  | { code: 'no_role'; login: string }
  | { code: 'forbidden'; what: string }
  | { code: 'host_refused'; host: string }
  | { code: 'cross_site_refused' }
  | { code: 'path_unknown'; method: string; path: string }
  | { code: 'method_not_allowed'; method: string; path: string; allow: string }
  | { code: 'upgrade_refused' }
  /** A message of a WebSocket that cannot be judged, or has no place there. */
  | { code: 'frame_refused'; why: string }
  | { code: 'bad_parameter'; name: string; why: string }
  | { code: 'not_found'; what: string }
  | { code: 'headers_too_large'; limitBytes: number }
  | { code: 'body_too_large'; limitBytes: number; decoded: boolean }
  | { code: 'body_timeout'; afterMs: number }
  | { code: 'body_encoding_unsupported'; encoding: string }
  | { code: 'body_encoding_invalid'; encoding: string }
  | { code: 'body_not_json'; why: string; atByte: number }
  | { code: 'body_duplicate_key'; key: string; atByte: number }
  | { code: 'body_bad_field'; field: string; why: string }
  | { code: 'model_missing' }
  | { code: 'model_unknown'; model: string }
  | { code: 'model_other_api'; model: string; asked: string; served: string[] }
  | { code: 'previous_response_not_found'; id: string }
  /** What the request names is kept at another provider than the one that it goes to. */
  | { code: 'resource_elsewhere'; why: string }
  /** It is kept under a key of the provider's that the config has no more. */
  | { code: 'resource_key_gone'; provider: string }
  /**
   * `empty`: too little is left. `unbounded`: the quota must know the most that a request can cost, and nothing bounds this
   * one; `detail` says what, as "server tools". `undefined`: a grant names a quota that the config does not have.
   */
  | {
      code: 'quota_exceeded';
      buckets: string[];
      /** Until enough has flowed back; undefined where it never will: there is no rate, or the capacity is too small. */
      retryAfterSeconds: number | undefined;
      status: 400 | 402 | 403 | 429;
      why: 'empty' | 'unbounded' | 'undefined';
      detail?: string;
    }
  /** The store of balances is away, and the quota set to refuse then. */
  | { code: 'quota_unavailable'; buckets: string[]; why: string }
  | { code: 'guardrail_blocked'; rule: RuleId; side: 'request' | 'response'; status: number; message: string }
  | { code: 'guardrail_unavailable'; rule: RuleId; why: string }
  /** A rule that refuses what it cannot read could not read this, which can be told before it is sent. */
  | { code: 'unguarded'; rule: RuleId; what: string }
  | { code: 'overloaded'; what: string; limit: number }
  | { code: 'journal_full'; limitBytes: number }
  | { code: 'journal_failed'; why: string }
  | { code: 'draining' }
  | { code: 'provider_misconfigured'; provider: string; why: string }
  | { code: 'upstream_unreachable'; provider: string; why: string }
  | { code: 'upstream_timeout'; provider: string; phase: 'connect' | 'first_byte' | 'idle' | 'total'; afterMs: number }
  | { code: 'upstream_broken'; provider: string; why: string }
  | { code: 'upstream_invalid'; provider: string; why: string }
  | { code: 'inspector_failed'; why: string }
  | { code: 'client_gone' }
  /** The reason is the admin's own words, for whom it concerns; may be empty. */
  | { code: 'revoked'; kind: RevocationKind; reason: string }
  | { code: 'store_unavailable'; why: string }
  | { code: 'control_stale'; ageSeconds: number; limitSeconds: number }
  | { code: 'config_refused'; why: string }
  | { code: 'config_conflict'; hash: string }
  | { code: 'config_readonly' }
  | { code: 'config_unwritable'; why: string }
  | { code: 'internal'; reference: string };

export type FaultCode = Fault['code'];

/** What is wrong with a gateway-issued token. Whose it is, nobody is told. */
export type TokenRefusal = 'malformed' | 'unknown' | 'expired' | 'revoked' | 'several';

const TOKEN_REFUSALS: Record<TokenRefusal, string> = {
  malformed: 'the token is mistyped or cut short: its check sum does not fit',
  unknown: 'this gateway has issued no such token',
  expired: 'the token has expired',
  revoked: 'the token was revoked',
  several: 'the request carries two different tokens',
};

/** In the message of a revocation, behind "access was revoked for". */
const REVOKED: Record<RevocationKind, string> = {
  login: 'this login',
  node: 'this device',
  token: 'this token',
  session: 'this session',
  model: 'this model',
};

export interface FaultAnswer {
  status: number;
  /** Stable, begins with `gateway_`; what a program should look at. */
  code: string;
  /** A sentence that says what was wrong and where, and that the gateway spoke. Never holds a secret. */
  message: string;
  /** Seconds, where waiting helps. */
  retryAfterSeconds?: number;
  /** False where a retry cannot help (SDKs obey `x-should-retry`). */
  shouldRetry?: boolean;
  allow?: string;
}

/** Seconds a client is asked to wait when we are short of room: SDKs back off by themselves beyond that. */
const BUSY_RETRY_SECONDS = 1;

type QuotaExceeded = Extract<Fault, { code: 'quota_exceeded' }>;

/** Many buckets are named by the first ones: a message is read in a terminal. */
const MOST_BUCKETS_NAMED = 5;

/** `this gateway's budget "daily:alice@example.com"`: so that nobody looks for it at the provider. */
function budgets(buckets: readonly string[]): string {
  const named = buckets.slice(0, MOST_BUCKETS_NAMED).map((bucket) => `"${bucket}"`);
  const more = buckets.length - named.length;
  const list = [...named, ...(more > 0 ? [`${more} more`] : [])].join(', ');
  return `this gateway's ${buckets.length === 1 ? 'budget' : 'budgets'} ${list}`;
}

function quotaMessage(fault: QuotaExceeded): string {
  const { buckets, why, detail } = fault;
  const them = buckets.length === 1 ? 'it' : 'them';
  const more = detail === undefined ? '' : ` (${detail})`;
  switch (why) {
    case 'empty': {
      const seconds = wholeSeconds(fault.retryAfterSeconds);
      const state = `too little is left in ${budgets(buckets)}${more}`;
      return seconds === undefined
        ? `${state}, and waiting will not bring enough back: ask an admin of the gateway`
        : `${state}. Enough will have flowed back in ${inWords(seconds)}; an admin of the gateway can refill ${them} sooner`;
    }
    case 'unbounded':
      return (
        `${budgets(buckets)} must cover the most that a request can cost, and nothing bounds this one${more}. ` +
        'Set max_tokens, or what your API calls it, and leave out what has no bound; or ask an admin of the gateway'
      );
    case 'undefined':
      return (
        `a grant names ${budgets(buckets)}, which ${buckets.length === 1 ? 'does' : 'do'} not exist in its config${more}. ` +
        'Requests are refused until an admin of the gateway has mended that'
      );
    default:
      return unreachable(why);
  }
}

/** Only beside a 429: with another status nobody is asked to come back. */
function quotaDelay({ status, retryAfterSeconds }: QuotaExceeded): Partial<FaultAnswer> {
  const seconds = wholeSeconds(retryAfterSeconds);
  return status !== 429 || seconds === undefined ? {} : { retryAfterSeconds: seconds };
}

/** The most that caches and clients must understand of a delay (RFC 9111, section 1.2.2). */
const MOST_DELAY_SECONDS = 2 ** 31;

function wholeSeconds(seconds: number | undefined): number | undefined {
  if (seconds === undefined || !Number.isFinite(seconds)) return undefined;
  return Math.min(MOST_DELAY_SECONDS, Math.max(1, Math.ceil(seconds)));
}

const UNITS: [name: string, seconds: number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** `about 3 hours`, rounded up: who comes back early is refused again. From two of a unit on, in that unit. */
function inWords(seconds: number): string {
  const [name, size] = UNITS.find(([, each]) => seconds >= 2 * each) ?? ['second', 1];
  const count = Math.ceil(seconds / size);
  return `about ${count} ${name}${count === 1 ? '' : 's'}`;
}

/** The answer to a fault, before a dialect gives it its shape (`protocols/<api>/fault.ts`). */
export function answerTo(fault: Fault): FaultAnswer {
  const say = (status: number, message: string, more: Partial<FaultAnswer> = {}): FaultAnswer => ({
    status,
    code: `gateway_${fault.code}`,
    message: `gateway: ${message}`,
    ...more,
  });
  switch (fault.code) {
    case 'no_identity':
      return say(401, `no identity could be established for this connection: ${fault.why}`);
    case 'token_refused':
      return say(401, TOKEN_REFUSALS[fault.why], { shouldRetry: false });
    case 'no_role':
      // The wording that Aperture's clients know (aperture.md, section 3.5).
      return say(403, `access denied: no role granted`);
    case 'forbidden':
      return say(403, `access denied: ${fault.what}`);
    case 'host_refused':
      return say(403, `the Host header names "${fault.host}", which is not in server.allowed_hosts`);
    case 'cross_site_refused':
      return say(403, 'requests from other sites may not change anything here');
    case 'path_unknown':
      return say(404, `no API at ${fault.method} ${fault.path}`);
    case 'method_not_allowed':
      return say(405, `${fault.path} takes ${fault.allow}, not ${fault.method}`, { allow: fault.allow });
    case 'upgrade_refused':
      return say(426, 'WebSocket is not offered here; use POST with server-sent events');
    case 'frame_refused':
      return say(400, `this message is not passed on: ${fault.why}`);
    case 'bad_parameter':
      return say(400, `parameter ${fault.name}: ${fault.why}`);
    case 'not_found':
      return say(404, `${fault.what} was not found`);
    case 'headers_too_large':
      return say(431, `request headers exceed ${fault.limitBytes} bytes`);
    case 'body_too_large':
      return say(
        413,
        `the request body exceeds this gateway's limit of ${fault.limitBytes} bytes${fault.decoded ? ' after decompression' : ''} (server.limits.body_bytes)`,
      );
    case 'body_timeout':
      return say(408, `the request body did not arrive within ${fault.afterMs} ms`);
    case 'body_encoding_unsupported':
      return say(415, `content-encoding "${fault.encoding}" is not supported; use gzip, deflate, br or zstd`);
    case 'body_encoding_invalid':
      return say(400, `the request body is not valid ${fault.encoding}`);
    case 'body_not_json':
      return say(400, `the request body is not valid JSON: ${fault.why} at byte ${fault.atByte}`);
    case 'body_duplicate_key':
      return say(400, `the request body has the key "${fault.key}" twice (byte ${fault.atByte})`);
    case 'body_bad_field':
      return say(400, `the request body's field "${fault.field}" ${fault.why}`);
    case 'model_missing':
      return say(400, 'the request names no model');
    case 'model_unknown':
      return say(
        404,
        `no route found for the model "${fault.model}": it does not exist here or you have no grant for it`,
      );
    case 'model_other_api':
      return say(404, `the model "${fault.model}" is available through ${fault.served.join(', ')}, not ${fault.asked}`);
    case 'previous_response_not_found':
      // In OpenAI's words, which clients look for: they then send the whole conversation.
      return say(404, `Previous response with id '${fault.id}' not found.`);
    case 'resource_elsewhere':
      return say(400, fault.why);
    case 'resource_key_gone':
      return say(
        409,
        `what the request names was made with another key of provider "${fault.provider}", which is configured no more`,
        { shouldRetry: false },
      );
    case 'quota_exceeded':
      return say(fault.status, quotaMessage(fault), { ...quotaDelay(fault), shouldRetry: false });
    case 'quota_unavailable':
      return say(
        503,
        `what is left of ${budgets(fault.buckets)} cannot be told just now: ${fault.why}. The quota is set to refuse then (fail: closed)`,
        { retryAfterSeconds: BUSY_RETRY_SECONDS },
      );
    case 'guardrail_blocked':
      // In the words of whoever made the rule, and no others: hooks' servers and their clients go by them (aperture.md, 6.4).
      return { ...say(fault.status, '', { shouldRetry: false }), message: fault.message };
    case 'guardrail_unavailable':
      return say(503, `the rule "${fault.rule}" could not decide (${fault.why}), and it is set to refuse then`);
    case 'unguarded':
      return say(400, `the rule "${fault.rule}" cannot read ${fault.what}`, { shouldRetry: false });
    case 'overloaded':
      return say(503, `too busy: ${fault.what} is at its limit of ${fault.limit}`, {
        retryAfterSeconds: BUSY_RETRY_SECONDS,
      });
    case 'journal_full':
      return say(503, `the journal is full (${fault.limitBytes} bytes) and set to refuse`, {
        retryAfterSeconds: BUSY_RETRY_SECONDS,
      });
    case 'journal_failed':
      return say(503, `the journal cannot be written: ${fault.why}`, { retryAfterSeconds: BUSY_RETRY_SECONDS });
    case 'draining':
      // The wording that Aperture's clients know (aperture.md, section 3.5).
      return say(503, 'aperture is restarting, retry this request', { retryAfterSeconds: BUSY_RETRY_SECONDS });
    case 'provider_misconfigured':
      return say(502, `provider "${fault.provider}" is not usable: ${fault.why}`);
    case 'upstream_unreachable':
      return say(502, `provider "${fault.provider}" could not be reached: ${fault.why}`, {
        retryAfterSeconds: BUSY_RETRY_SECONDS,
      });
    case 'upstream_timeout':
      return say(
        504,
        `provider "${fault.provider}" did not answer within ${fault.afterMs} ms (server.timeouts.${fault.phase})`,
      );
    case 'upstream_broken':
      return say(502, `the connection to provider "${fault.provider}" broke: ${fault.why}`);
    case 'upstream_invalid':
      return say(502, `provider "${fault.provider}" did not speak HTTP: ${fault.why}`);
    case 'inspector_failed':
      return say(503, `a worker failed: ${fault.why}`, { retryAfterSeconds: BUSY_RETRY_SECONDS });
    case 'client_gone':
      return say(499, 'the client left');
    case 'revoked':
      return say(
        403,
        `access was revoked for ${REVOKED[fault.kind]}${fault.reason === '' ? '' : `: ${fault.reason}`}`,
        {
          shouldRetry: false,
        },
      );
    case 'store_unavailable':
      return say(503, `the database is away: ${fault.why}`, { retryAfterSeconds: BUSY_RETRY_SECONDS });
    case 'control_stale':
      return say(
        503,
        `what holds here was last confirmed ${fault.ageSeconds} s ago, and server.control.max_age is ${fault.limitSeconds} s`,
        { retryAfterSeconds: BUSY_RETRY_SECONDS },
      );
    case 'config_refused':
      return say(400, fault.why);
    case 'config_conflict':
      return say(409, `the config was changed in the meantime; its hash is now ${fault.hash}`);
    case 'config_readonly':
      return say(403, 'the config is deployed from a file here (--config-readonly): change it there');
    case 'config_unwritable':
      return say(409, `nothing was changed: ${fault.why}`);
    case 'internal':
      return say(500, `internal error, reference ${fault.reference}`);
    default:
      return unreachable(fault);
  }
}
