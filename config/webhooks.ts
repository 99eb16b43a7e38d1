import { EVENT_KINDS } from '../src/contract/event.ts';
import { ExchangeRecord } from '../src/contract/record.ts';
import { compileGlob } from '../src/lib/globs.ts';
import { FORMATS, isFormat } from '../src/sinks/formats/format.ts';
import { isRecordEvent } from '../src/sinks/record-events.ts';
import { isWebhookSecret } from '../src/sinks/signature.ts';
import { readTarget } from '../src/sinks/target.ts';
import { errorAt, shown, shownUrl } from './problem.ts';
import type { Finding, Path } from './problem.ts';
import type { Config } from './schema.ts';
import type { WebhookConfig } from './schema/webhooks.ts';
import { valueAt } from './value-at.ts';

/** In `events`: every kind that there is. */
const ALL = '*';
/** A new secret and those that it takes the place of: each signs every delivery. */
const MOST_SECRETS = 4;
/** What a header's value may hold, as the receiver reads it. */
export const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

const STATES: readonly string[] = ExchangeRecord.shape.state.options;

/** The kinds that a webhook is told, each once, in the order of the contract. */
export function eventsOf({ events }: Pick<WebhookConfig, 'events'>): string[] {
  return EVENT_KINDS.filter((kind) => events.includes(ALL) || events.includes(kind));
}

/** What is wrong with `exporters.webhooks`, which is a section of ours: so these are errors. Never quotes a secret. */
export function webhookFindings({ exporters }: Config, written: unknown): Finding[] {
  const section = ['exporters', 'webhooks'];
  return Object.entries(exporters.webhooks).flatMap(([name, webhook]) => {
    const path = [...section, name];
    return [
      ...urlFindings(path, webhook, valueAt(written, [...path, 'url'])),
      ...secretFindings(path, webhook, valueAt(written, [...path, 'secret'])),
      ...authorizationFindings(path, webhook),
      ...nameFindings(path, webhook),
      ...filterFindings(path, webhook),
    ].map((finding) => ({ ...finding, message: `webhook ${name}: ${finding.message}` }));
  });
}

function urlFindings(path: Path, webhook: WebhookConfig, written: unknown): Finding[] {
  const target = readTarget(webhook.url, webhook.plain_http);
  if (target.ok) return [];
  const quoted = typeof written === 'string' ? shownUrl(written) : '';
  return [errorAt([...path, 'url'], `the url "${quoted}" ${target.fault}`)];
}

function secretFindings(path: Path, { secret, format }: WebhookConfig, written: unknown): Finding[] {
  const at = [...path, 'secret'];
  // Of another type: that was said when it was read.
  if (!isTextOrTexts(written ?? '')) return [];
  if (secret.length === 0) return format === 'splunk_hec' ? [] : [errorAt(at, 'the secret is missing')];
  const many = secret.length > MOST_SECRETS ? [errorAt(at, `there are more than ${MOST_SECRETS} secrets`)] : [];
  const twice = new Set(secret).size < secret.length ? [errorAt(at, 'two of the secrets are the same')] : [];
  const bad = secret.flatMap((text, index) => {
    if (isWebhookSecret(text)) return [];
    const what = text === '' ? 'is empty' : 'is not "whsec_" and the base64 of 24 to 64 bytes';
    return [errorAt(Array.isArray(written) ? [...at, index] : at, `the secret ${what}`)];
  });
  return bad.length > 0 ? bad : [...many, ...twice];
}

function isTextOrTexts(value: unknown): boolean {
  return [value].flat().every((each) => typeof each === 'string');
}

function authorizationFindings(path: Path, { authorization, format }: WebhookConfig): Finding[] {
  const at = [...path, 'authorization'];
  if (authorization === '') {
    return format === 'splunk_hec' ? [errorAt(at, 'splunk_hec needs an authorization, "Splunk " and the token')] : [];
  }
  return HEADER_VALUE.test(authorization)
    ? []
    : [errorAt(at, 'the authorization is not the value of a header: printable ASCII, no space at its ends')];
}

function nameFindings(path: Path, { format, events }: WebhookConfig): Finding[] {
  const findings: Finding[] = [];
  if (!isFormat(format)) {
    findings.push(errorAt([...path, 'format'], `the format "${shown(format)}" is not one of ${FORMATS.join(', ')}`));
  }
  return [...findings, ...eventFindings(path, events)];
}

/** Of `events`, wherever they stand. */
export function eventFindings(path: Path, events: readonly string[]): Finding[] {
  if (events.length === 0) return [errorAt([...path, 'events'], 'no event is named')];
  const known: readonly string[] = [...EVENT_KINDS, ALL];
  return events.flatMap((event, index) => {
    if (known.includes(event)) return [];
    const message = `the event "${shown(event)}" is not one of ${EVENT_KINDS.join(', ')} or "${ALL}"`;
    return [errorAt([...path, 'events', index], message)];
  });
}

/** Of `filter`, wherever one stands. */
export function filterFindings(path: Path, webhook: Pick<WebhookConfig, 'filter' | 'events'>): Finding[] {
  const at = [...path, 'filter'];
  const findings = Object.entries(webhook.filter).flatMap(([field, globs]) =>
    globs.flatMap((glob, index) =>
      glob === '' ? [errorAt([...at, field, index], `an empty glob matches nothing`)] : [],
    ),
  );
  for (const [index, glob] of webhook.filter.states.entries()) {
    if (glob === '' || STATES.some((state) => compileGlob(glob).matches([state]))) continue;
    findings.push(
      errorAt([...at, 'states', index], `no request ends as "${shown(glob)}": there are ${STATES.join(', ')}`),
    );
  }
  const filters = Object.values(webhook.filter).some((globs) => globs.length > 0);
  if (filters && webhook.events.length > 0 && !eventsOf(webhook).some(isRecordEvent)) {
    const message = 'the filter does nothing: it is for events of requests, and none is told';
    findings.push({ severity: 'warning', path: at, atKey: true, message, advisory: true });
  }
  return findings;
}
