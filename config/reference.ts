import { z } from 'zod';
import { ENVIRONMENT_VARIABLES } from './environment.ts';
import { Config } from './schema.ts';

/** What JSON Schema says of one setting, as far as the reference shows it. */
const Described = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  format: z.string().optional(),
  enum: z.array(z.union([z.string(), z.number()])).optional(),
  description: z.string().optional(),
  default: z.unknown().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  additionalProperties: z.unknown().optional(),
  items: z.unknown().optional(),
  const: z.string().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
});
type Described = z.output<typeof Described>;

export interface Setting {
  /** `providers.<id>.models[]` */
  path: string;
  type: string;
  /** JSON; empty where the setting has no default. */
  default: string;
  meaning: string;
}

/** Every setting of the schema, in its order: what docs/configuration.md lists. */
export function settings(): Setting[] {
  return oncePerPath(settingsIn('', Described.parse(z.toJSONSchema(Config, { io: 'input' }))));
}

/** A setting that several kinds of a thing have is listed once, with all that it may be. */
function oncePerPath(all: readonly Setting[]): Setting[] {
  const byPath = new Map<string, Setting[]>();
  for (const setting of all) byPath.set(setting.path, [...(byPath.get(setting.path) ?? []), setting]);
  const joined = (values: readonly string[], by: string): string =>
    [...new Set(values)].filter((value) => value !== '').join(by);
  return [...byPath].map(([path, same]) => ({
    path,
    type: joined(
      same.map(({ type }) => type),
      ' or ',
    ),
    default: joined(
      same.map((each) => each.default),
      '` or `',
    ),
    meaning: joined(
      same.map(({ meaning }) => meaning),
      '; ',
    ),
  }));
}

/** The two tables of docs/configuration.md: settings, and environment variables. */
export function settingsTable(): string {
  const rows = settings().map((setting) => {
    const fallback = setting.default === '' ? '' : `\`${setting.default}\``;
    return `| \`${setting.path}\` | ${setting.type} | ${fallback} | ${cell(setting.meaning)} |`;
  });
  return ['| setting | type | default | meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

export function environmentTable(): string {
  const rows = Object.entries(ENVIRONMENT_VARIABLES).map(([name, schema]) => {
    const { default: fallback } = Described.parse(z.toJSONSchema(schema, { io: 'input' }));
    const shown = typeof fallback === 'string' ? `\`${fallback}\`` : '';
    return `| \`${name}\` | ${shown} | ${cell(schema.description ?? '')} |`;
  });
  return ['| variable | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

function settingsIn(prefix: string, node: Described): Setting[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, member]) => {
    const path = prefix + (/^[\w-]+$/.test(key) ? `${prefix === '' ? '' : '.'}${key}` : `["${key}"]`);
    return [settingAt(path, Described.parse(member)), ...below(path, Described.parse(member))];
  });
}

function below(path: string, node: Described): Setting[] {
  const element = Described.safeParse(node.items).data;
  const member = Described.safeParse(node.additionalProperties).data;
  return [
    ...settingsIn(path, node),
    ...choicesOf(node).flatMap((choice) => settingsIn(path, choice)),
    ...(element?.properties === undefined ? [] : settingsIn(`${path}[]`, element)),
    ...(member?.properties === undefined ? [] : settingsIn(`${path}.<id>`, member)),
  ];
}

function settingAt(path: string, node: Described): Setting {
  const structural = node.properties !== undefined || typeof node.default === 'object';
  const hasDefault = node.default !== undefined && !(structural && isEmpty(node.default));
  return {
    path,
    type: typeOf(node),
    default: hasDefault ? JSON.stringify(node.default) : '',
    meaning: node.description ?? '',
  };
}

function choicesOf(node: Described): Described[] {
  return [...(node.anyOf ?? []), ...(node.oneOf ?? [])].map((choice) => Described.parse(choice));
}

function typeOf(node: Described): string {
  const choices = new Set(choicesOf(node).map(typeOf));
  if (choices.size > 0) return [...choices].join(' or ');
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return node.enum.map((value) => (value === '' ? '""' : value)).join(', ');
  if (node.type === 'array') return `list of ${typeOf(Described.safeParse(node.items).data ?? {})}`;
  if (node.format !== undefined) return node.format;
  if (node.type === 'object') return node.properties === undefined ? 'map' : 'object';
  const range = rangeOf(node);
  const type = Array.isArray(node.type) ? node.type.join(' or ') : (node.type ?? 'any');
  return range === '' ? type : `${type}, ${range}`;
}

function rangeOf({ minimum, maximum }: Described): string {
  // Zod names the range of safe integers, which is no bound that anybody chose.
  const least = minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? '' : `from ${minimum}`;
  const most = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? '' : `to ${maximum}`;
  return [least, most].filter((part) => part !== '').join(' ');
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
