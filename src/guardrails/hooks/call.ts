import type { EgressAnswer, EgressFault, EgressRequest } from '../../contract/egress.ts';
import { egressFaultText } from '../../contract/egress.ts';
import type { HookRule } from '../../contract/guardrail.ts';
import type { Result } from '../../lib/result.ts';
import { parseJson } from '../../protocols/json.ts';
import { userMessageOf } from '../../protocols/user-message.ts';
import { readAnswer } from './answer.ts';
import type { Replaceable } from './answer.ts';
import { callData } from './call-data.ts';
import type { CallHook, HookOutcome } from './outcome.ts';

/** The way out, which a root hands in: `sinks/egress.ts` with `HOOK_EGRESS`. Never rejects. */
export interface HookEgress {
  send(request: EgressRequest): Promise<Result<EgressAnswer, EgressFault>>;
}

export interface HookCallerOptions {
  /** Of a hook without a timeout of its own: the exchange's total deadline. */
  unlimitedMs: number;
  /** A longer answer is a failure: the limit of a request's body, and room for what stands around it. */
  answerBytes: number;
}

/** A modified body of the limit's size, and the action beside it. */
export function answerBytesFor(bodyLimitBytes: number): number {
  return bodyLimitBytes + 64 * 1024;
}

/** Calls hooks before a request is sent, and before its answer goes on. What a hook's failure means is for the rule's `fail_policy` to say. */
export function createHookCaller(egress: HookEgress, options: HookCallerOptions): CallHook {
  return async (rule, wired, { api, body, facts, answer, signal }) => {
    try {
      const data = callData({
        send: wired.send,
        facts,
        cost: answer?.cost,
        requestBody: body,
        userMessage: () => userMessageOf(api, parseJson(Buffer.from(body ?? []).toString('utf8'))),
        post: answer?.post,
        ...(answer === undefined ? {} : { about: { status: answer.status, stream: answer.stream } }),
      });
      const request = requestTo(rule, data, options);
      const result = await egress.send(signal === undefined ? request : { ...request, signal });
      return outcomeOf(result, options.answerBytes, answer === undefined ? 'request_body' : 'response_body');
    } catch {
      // A bug of ours, in reading the body. Its text may quote that.
      return { kind: 'failed', why: 'the gateway could not make the call' };
    }
  };
}

function requestTo(rule: HookRule, body: Uint8Array, { unlimitedMs, answerBytes }: HookCallerOptions): EgressRequest {
  const totalMs = rule.timeoutMs === 0 ? unlimitedMs : rule.timeoutMs;
  return {
    destination: `hooks.${rule.name}`,
    target: rule.target,
    method: 'POST',
    headers: [
      ['content-type', 'application/json'],
      ['accept', 'application/json'],
      ['accept-encoding', 'identity'],
      ['user-agent', 'aperture-gateway'],
      ...rule.headers,
    ],
    body,
    totalMs,
    firstByteMs: totalMs,
    answerBytes,
  };
}

/** Redirects are answers like others that are not 2xx: whoever is redirected to has not been configured. */
function outcomeOf(
  result: Result<EgressAnswer, EgressFault>,
  answerBytes: number,
  replaceable: Replaceable,
): HookOutcome {
  if (!result.ok) return { kind: 'failed', why: egressFaultText(result.fault) };
  const { status, body, cut } = result.value;
  if (status < 200 || status > 299) return { kind: 'failed', why: `it answered ${status}` };
  if (cut) return { kind: 'failed', why: `its answer is longer than ${answerBytes} bytes` };
  return readAnswer(body, replaceable);
}
