import { fieldsOf, listOf, textOf, textsOf } from '../config-text.ts';
import type { Fields } from '../config-text.ts';

const CAPABILITY = 'tailscale.com/cap/aperture';

/** Rights that are granted by name, in the words of people. */
const RIGHTS: Record<string, string> = {
  read_metrics: 'metrics',
  read_pricing: 'prices',
  read_captures: 'bodies of exchanges',
  read_audit: 'the audit log',
  enable_chat_ui: 'the chat pages',
};

export interface SentHook {
  name: string;
  events: string[];
  send: string[];
}

/** One object of a grant: what matches its models has all that stands beside them. */
export interface Capability {
  role: string | undefined;
  /** Absent: it is about every model, and allows none. */
  models: string | undefined;
  quotas: string[];
  hooks: SentHook[];
  /** Names alone. */
  addHeaders: string[];
  /** What may be read, and what may not. */
  may: string[];
  mayNot: string[];
  connectors: string[];
  filterableHeaders: string[];
}

export interface Grant {
  /** As records and the explainer name it. */
  id: string;
  src: string[];
  capabilities: Capability[];
  /** Capabilities of others, which hooks are told. */
  others: string[];
}

/** The grants of a config as it is written, `temp_grants` among them. */
export function grantsOf(config: Fields): Grant[] {
  const grants = listOf(config['grants']).map((grant, at): Grant => {
    const { src, app } = fieldsOf(grant);
    const apps = fieldsOf(app);
    return {
      id: `grants[${at}]`,
      src: textsOf(src),
      capabilities: listOf(apps[CAPABILITY]).map((each) => capabilityOf(fieldsOf(each))),
      others: Object.keys(apps).filter((key) => key !== CAPABILITY),
    };
  });
  const old = listOf(config['temp_grants']).map((grant, at): Grant => {
    const { src, grants: parts } = fieldsOf(grant);
    return {
      id: `temp_grants[${at}]`,
      src: textsOf(src),
      capabilities: listOf(parts).flatMap((each) => oldCapabilities(fieldsOf(each))),
      others: [],
    };
  });
  return [...grants, ...old];
}

function capabilityOf(fields: Fields): Capability {
  const rights = Object.keys(RIGHTS).filter((right) => typeof fields[right] === 'boolean');
  const saying = (value: boolean) =>
    rights.filter((right) => fields[right] === value).map((right) => RIGHTS[right] ?? right);
  const headers = fields['filterable_headers'];
  return {
    role: optional(fields['role']),
    models: optional(fields['models']),
    quotas: listOf(fields['quotas']).map((each) => textOf(fieldsOf(each)['bucket'])),
    hooks: listOf(fields['send_hooks']).map((each) => {
      const { name, events, send } = fieldsOf(each);
      return { name: textOf(name), events: textsOf(events), send: textsOf(send) };
    }),
    addHeaders: textsOf(fields['add_headers']).map((line) => line.split(':', 1).join('').trim()),
    may: saying(true),
    mayNot: saying(false),
    connectors: textsOf(fields['connectors']),
    filterableHeaders: Array.isArray(headers) ? textsOf(headers) : Object.keys(fieldsOf(headers)),
  };
}

const NOTHING: Capability = {
  role: undefined,
  models: undefined,
  quotas: [],
  hooks: [],
  addHeaders: [],
  may: [],
  mayNot: [],
  connectors: [],
  filterableHeaders: [],
};

function oldCapabilities({ role, providers, hook }: Fields): Capability[] {
  const models = listOf(providers).map((each) => {
    const { provider, model } = fieldsOf(each);
    return `${textOf(provider)}/${textOf(model)}`;
  });
  const { hook: name, match } = fieldsOf(hook);
  return [
    ...(role === undefined ? [] : [{ ...NOTHING, role: optional(role) }]),
    ...models.map((glob) => ({ ...NOTHING, models: glob })),
    ...(textOf(name) === ''
      ? []
      : [{ ...NOTHING, hooks: [{ name: textOf(name), events: textsOf(fieldsOf(match)['events']), send: [] }] }]),
  ];
}

function optional(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Of each hook, or each quota, the grants that name it. */
export function attachedBy(grants: readonly Grant[], what: 'hooks' | 'quotas'): Map<string, Grant[]> {
  const found = new Map<string, Grant[]>();
  for (const grant of grants) {
    const names = grant.capabilities.flatMap((each) =>
      what === 'quotas' ? each.quotas : each.hooks.map(({ name }) => name),
    );
    for (const name of new Set(names)) found.set(name, [...(found.get(name) ?? []), grant]);
  }
  return found;
}

/** The words of a source as people say them. */
export function sourceText(word: string): string {
  if (word === '*') return 'everybody';
  if (word === '(loopback)') return 'this machine itself';
  return word;
}
