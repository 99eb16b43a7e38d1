import { unreachable } from '../../lib/result.ts';
import type { SiemEvent } from './siem-event.ts';

/** What happened, in one line for people. */
export function sentenceOf({ kind, subject }: SiemEvent): string {
  switch (subject.about) {
    case 'request': {
      const { login, provider, model, state, status, denied_by, error } = subject.request;
      const why = denied_by ?? error;
      const ending = `${state} (${status}${why === null ? '' : `, ${why}`})`;
      return `Request of ${login || 'somebody'} to ${provider || 'no provider'} ${model} ended: ${ending}`;
    }
    case 'verdict': {
      const { login, verdict } = subject.found;
      const kinds = Object.entries(verdict.counts).map(([name, count]) => `${name} ${count}`);
      const what = kinds.length === 0 ? '' : `: ${kinds.join(', ')}`;
      const shadow = verdict.shadow ? ' (shadow, nothing was changed)' : '';
      return `Rule ${verdict.rule} on a ${verdict.side} of ${login || 'somebody'}: ${verdict.action}${shadow}${what}`;
    }
    case 'quota':
      return `${subject.quota.spent_percent} % of ${subject.quota.bucket} is spent`;
    case 'config':
      return `Configuration ${subject.config.number} of ${subject.config.by} holds`;
    case 'token': {
      const { name, by, login } = subject.token;
      return `Token ${name} of ${login} was ${kind === 'token.revoked' ? 'revoked' : 'created'} by ${by}`;
    }
    case 'kill_switch': {
      const { change, kind: what, value, by } = subject.entry;
      return change === 'set' ? `${what} ${value} was cut off by ${by}` : `${what} ${value} was let in again by ${by}`;
    }
    case 'something':
      return `Event ${kind} of the gateway`;
    default:
      return unreachable(subject);
  }
}

/** How grave an event is: from 1, of interest only, to 4, somebody should look at once. OCSF has these steps. */
export type Severity = 1 | 2 | 3 | 4;

export function severityOf({ subject }: SiemEvent): Severity {
  switch (subject.about) {
    case 'request':
      return severityOfState(subject.request.state);
    case 'verdict':
      return severityOfVerdict(subject.found.verdict);
    case 'quota':
      if (subject.quota.spent_percent >= 100) return 3;
      return subject.quota.spent_percent >= 95 ? 2 : 1;
    case 'config':
    case 'token':
      return 2;
    case 'kill_switch':
      return subject.entry.change === 'set' ? 4 : 2;
    case 'something':
      return 1;
    default:
      return unreachable(subject);
  }
}

function severityOfState(state: string): Severity {
  if (state === 'blocked') return 3;
  return state === 'complete' || state === 'aborted' ? 1 : 2;
}

function severityOfVerdict({ action, shadow }: { action: string; shadow: boolean }): Severity {
  if (action === 'error') return 3;
  if (shadow) return 1;
  return action === 'block' ? 3 : 2;
}
