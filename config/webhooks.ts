import { isWebhookSecret } from '../src/sinks/signature.ts';
import { readTarget } from '../src/sinks/target.ts';
import { DESTINATIONS } from '../src/contract/limits.ts';
import { shown, shownUrl } from './problem.ts';
import type { Finding, Path } from './problem.ts';
import { valueAt } from './read.ts';
import type { Config } from './schema.ts';

/** What this version tells, and how. */
export const SERVED_EVENTS = ['request.closed'] as const;
export const SERVED_FORMATS = ['json'] as const;

/** Names that later versions will serve: a config may hold them, and is told that they do nothing yet. */
const PLANNED_EVENTS = [
  'request.denied',
  'guardrail.verdict',
  'quota.crossed',
  'config.changed',
  'token.created',
  'token.revoked',
  'kill_switch',
];
const PLANNED_FORMATS = ['ocsf', 'ecs', 'cef', 'splunk_hec'];

/** What is wrong with `exporters.webhooks`, which is a section of ours: so these are errors. Never quotes a secret. */
export function webhookFindings({ exporters }: Config, written: unknown): Finding[] {
  const names = Object.keys(exporters.webhooks);
  const section = ['exporters', 'webhooks'];
  const findings: Finding[] = [];
  if (names.length > DESTINATIONS) {
    findings.push(error(section, `has more than ${DESTINATIONS} webhooks`));
  }
  for (const [name, webhook] of Object.entries(exporters.webhooks)) {
    const path = [...section, name];
    const url = valueAt(written, [...path, 'url']);
    const target = readTarget(webhook.url, webhook.plain_http);
    if (!target.ok) {
      const quoted = typeof url === 'string' ? shownUrl(url) : '';
      findings.push(error([...path, 'url'], `webhook ${name}: the url "${quoted}" ${target.fault}`));
    }
    if (!isWebhookSecret(webhook.secret)) {
      const what = webhook.secret === '' ? 'is missing' : 'is not "whsec_" and the base64 of 24 to 64 bytes';
      findings.push(error([...path, 'secret'], `webhook ${name}: the secret ${what}`));
    }
    findings.push(
      ...named([...path, 'format'], `webhook ${name}: the format`, webhook.format, SERVED_FORMATS, PLANNED_FORMATS),
      ...webhook.events.flatMap((event, index) =>
        named([...path, 'events', index], `webhook ${name}: the event`, event, SERVED_EVENTS, PLANNED_EVENTS),
      ),
    );
  }
  return findings;
}

function named(
  path: Path,
  what: string,
  name: string,
  served: readonly string[],
  planned: readonly string[],
): Finding[] {
  if (served.includes(name)) return [];
  if (!planned.includes(name)) return [error(path, `${what} "${shown(name)}" is not one of ${served.join(', ')}`)];
  const message = `${what} "${name}" is not served yet: nothing is delivered of it in this version`;
  return [{ severity: 'warning', path, atKey: false, message, advisory: true }];
}

function error(path: Path, message: string): Finding {
  return { severity: 'error', path, atKey: false, message, advisory: false };
}
