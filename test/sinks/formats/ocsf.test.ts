import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Delivery } from '../../../src/contract/delivery.ts';
import { packageRoot } from '../../../src/lib/package-root.ts';
import { ocsfFormat } from '../../../src/sinks/formats/ocsf.ts';
import { OCSF_1_8_0 } from './ocsf-1.8.0.ts';
import type { SchemaObject } from './ocsf-1.8.0.ts';
import { AT, odd, oneOfEach } from './events.ts';

const format = ocsfFormat({ version: '9.8.7', list: false });
const written = (delivery: Delivery): Record<string, unknown> =>
  JSON.parse(format.write([delivery])) as Record<string, unknown>;

/** Where a value breaks the published schema: attributes that are required or unknown, and values of the wrong type. */
function faults(value: unknown, schema: SchemaObject, path: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path} is no object`];
  const found: string[] = [];
  const members = value as Record<string, unknown>;
  for (const name of schema.required) if (!(name in members)) found.push(`${path}.${name} is missing`);
  const { atLeastOne } = schema;
  if (atLeastOne !== undefined && !atLeastOne.some((name) => name in members)) {
    found.push(`${path} has none of ${atLeastOne.join(', ')}`);
  }
  for (const [name, member] of Object.entries(members)) {
    const type = schema.attributes[name];
    if (type === undefined) found.push(`${path}.${name} is not in the schema`);
    else found.push(...faultsOfMember(member, type, `${path}.${name}`));
  }
  return found;
}

function faultsOfMember(value: unknown, type: string, path: string): string[] {
  if (type.endsWith('[]')) {
    if (!Array.isArray(value)) return [`${path} is no list`];
    return value.flatMap((each, index) => faultsOfMember(each, type.slice(0, -2), `${path}[${index}]`));
  }
  switch (type) {
    case 'string':
      return typeof value === 'string' ? [] : [`${path} is no string`];
    case 'integer':
      return Number.isSafeInteger(value) ? [] : [`${path} is no integer`];
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${path} is no boolean`];
    case 'json':
      return [];
    default: {
      const schema = OCSF_1_8_0.objects[type];
      return schema === undefined ? [`${path}: ${type} is not in the list`] : faults(value, schema, path);
    }
  }
}

function faultsOfEvent(event: Record<string, unknown>): string[] {
  const schema = OCSF_1_8_0.classes[Number(event['class_uid'])];
  if (schema === undefined) return [`class ${String(event['class_uid'])}`];
  const found = faults(event, schema, 'event');
  const { activity_id, type_uid, category_uid } = event;
  if (category_uid !== schema.category) found.push(`category ${String(category_uid)}`);
  if (!schema.activities.includes(Number(activity_id))) found.push(`activity ${String(activity_id)}`);
  if (type_uid !== schema.uid * 100 + Number(activity_id)) found.push(`type ${String(type_uid)}`);
  return found;
}

test.each(oneOfEach().map((delivery) => [delivery.kind, delivery] as const))(
  'an event of %s is one of the published schema',
  (kind, delivery) => {
    const event = written(delivery);
    expect(faultsOfEvent(event)).toEqual([]);
    expect(event['metadata']).toMatchObject({
      version: '1.8.0',
      uid: delivery.id,
      sequence: delivery.sequence,
      event_code: kind,
      product: { name: 'Aperture gateway', version: '9.8.7' },
    });
  },
);

test.each(odd().map((delivery) => [delivery.kind, delivery] as const))(
  'an odd event of %s is one of the published schema, too',
  (_, delivery) => {
    expect(faultsOfEvent(written(delivery))).toEqual([]);
  },
);

test('classes, activities, severities and statuses say what happened', () => {
  const seen = oneOfEach().map((delivery) => {
    const { class_uid, activity_id, severity_id, status_id } = written(delivery);
    return [delivery.kind, class_uid, activity_id, severity_id, status_id];
  });
  expect(seen).toEqual([
    ['request.closed', 6003, 1, 1, 1],
    ['request.denied', 6003, 1, 2, 2],
    ['guardrail.verdict', 2004, 1, 3, 1],
    ['quota.crossed', 3004, 99, 2, 1],
    ['config.changed', 3004, 3, 2, 1],
    ['token.created', 3004, 1, 2, 1],
    ['token.revoked', 3004, 4, 2, 1],
    ['kill_switch', 3004, 9, 4, 1],
    ['kill_switch', 3004, 8, 2, 1],
  ]);
});

test('a closed request is told in the words of the schema, and the rest stands in unmapped', () => {
  const [closed] = oneOfEach();
  const event = written(closed!);
  expect(event).toMatchObject({
    // Its end: 2026-11-23T10:20:30.123 and 1000.25 ms.
    time: Date.UTC(2026, 10, 23, 10, 20, 31, 123),
    actor: { user: { name: 'alice@example.com', email_addr: 'alice@example.com', groups: [{ name: 'group:dev' }] } },
    api: { operation: 'anthropic_messages', service: { name: 'anthropic' }, response: { code: 200 } },
    src_endpoint: { name: 'laptop', uid: 'n1' },
    http_request: { http_method: 'POST', url: { path: '/v1/messages' }, body_length: 2048 },
    http_response: { code: 200, body_length: 4096, latency: 1000 },
    resources: [{ name: 'claude-sonnet-4-5', uid: 'anthropic/claude-sonnet-4-5' }],
    unmapped: { cost_nanodollars: '12345678', usage: { output: 600 }, tools: ['Read'], identity_source: 'tailscale' },
  });
  expect(event['unmapped']).not.toHaveProperty('login');
});

test('a batch is a list', () => {
  const deliveries = oneOfEach();
  const [first, ...rest] = deliveries;
  const events = JSON.parse(ocsfFormat({ version: '1', list: true }).write([first!, ...rest])) as {
    time: number;
    metadata: { uid: string };
  }[];
  expect(events.map(({ metadata }) => metadata.uid)).toEqual(deliveries.map(({ id }) => id));
  expect(events.at(-1)?.time).toBe(Date.parse(AT));
});

test('docs/siem.md names the version of the schema', () => {
  expect(readFileSync(join(packageRoot(), 'docs/siem.md'), 'utf8')).toContain('OCSF 1.8.0');
});
