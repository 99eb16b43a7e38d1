import { objectOf, objectsOf, textOf } from '../../../../../protocols/json.ts';
import { MOST_BLOCKS, MOST_TOOLS, MOST_TURNS } from './model.ts';
import type { Block, Conversation, Role, ToolOffer, Turn } from './model.ts';

export type Members = Record<string, unknown>;

/** A value as it is read best; what is nested too deeply for that says so. */
export function readableJson(value: unknown): string {
  try {
    return JSON.stringify(value ?? null, null, 2);
  } catch {
    return 'Nested too deeply to be shown here. The raw view has it.';
  }
}

/** JSON in a text, as a model writes the arguments of a call; the text itself where it is none. */
export function readableArguments(text: string): string {
  try {
    return readableJson(JSON.parse(text));
  } catch {
    return text;
  }
}

export function roleOf(name: string): Role {
  switch (name) {
    case 'system':
    case 'developer':
      return 'system';
    case 'user':
      return 'user';
    case 'assistant':
    case 'model':
      return 'assistant';
    case 'tool':
    case 'function':
      return 'tool';
    default:
      return 'other';
  }
}

/** Content that is a text, or a list of blocks of which each API has its own. */
export function blocksOf(content: unknown, read: (part: Members) => Block[]): Block[] {
  if (typeof content === 'string') return content === '' ? [] : [{ kind: 'text', text: content }];
  if (!Array.isArray(content)) return [];
  const parts: readonly unknown[] = content;
  const blocks = parts
    .slice(0, MOST_BLOCKS)
    .flatMap((part) => (typeof part === 'string' ? [{ kind: 'text' as const, text: part }] : read(objectOf(part))));
  if (parts.length > MOST_BLOCKS) blocks.push(other(`${parts.length - MOST_BLOCKS} more parts`, 'in the raw view'));
  return blocks;
}

export function text(of: unknown): Block[] {
  return textOf(of) === '' ? [] : [{ kind: 'text', text: textOf(of) }];
}

export function thinking(of: unknown, sealed = false): Block[] {
  return textOf(of) === '' && !sealed ? [] : [{ kind: 'thinking', text: textOf(of), sealed }];
}

export function other(type: string, value: unknown): Block {
  return { kind: 'other', type, json: typeof value === 'string' ? value : readableJson(value) };
}

/** Pictures that a browser draws without running anything; SVG is a document and not among them. */
const DRAWN = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);
const DRAWN_CHARACTERS = 6_000_000;

/** Something that is no text: an image, a document, a sound. Its data stays here unless it is a small picture. */
export function media(what: string, source: { type?: unknown; data?: unknown; from?: unknown }): Block {
  const data = textOf(source.data);
  const type = textOf(source.type).toLowerCase();
  const isDrawn = DRAWN.has(type) && data.length <= DRAWN_CHARACTERS && /^[A-Za-z0-9+/]+={0,2}$/.test(data);
  return {
    kind: 'media',
    what,
    type: textOf(source.type),
    bytes: data === '' ? null : Math.floor((data.replace(/=+$/, '').length * 3) / 4),
    from: textOf(source.from),
    image: isDrawn ? `data:${type};base64,${data}` : null,
  };
}

/** The same from an address: one with the data in it, or one that is elsewhere and only told. */
export function mediaAt(what: string, address: unknown): Block {
  const given = textOf(address);
  const inline = /^data:([^;,]*);base64,/.exec(given.slice(0, 200));
  return inline === null
    ? media(what, { from: given.slice(0, 2_000) })
    : media(what, { type: inline[1], data: given.slice(inline[0].length) });
}

/** What was said before all else; nothing where there is none. */
export function systemOf(blocks: Block[], name = ''): Turn[] {
  return blocks.length === 0 ? [] : [{ role: 'system', name, blocks }];
}

/** A turn of whoever is named; the name itself is told where it is none that we know. */
export function turnBy(name: string, blocks: Block[]): Turn {
  const role = roleOf(name);
  return { role, name: role === 'other' ? name : '', blocks };
}

/** A turn of results alone is the tools', in whosever name it comes. */
export function areResults(blocks: readonly Block[]): boolean {
  return blocks.length > 0 && blocks.every(({ kind }) => kind === 'result');
}

export function offers(tools: readonly Members[], read: (tool: Members) => ToolOffer): ToolOffer[] {
  return tools.slice(0, MOST_TOOLS).map(read);
}

/** Members that are shown elsewhere. */
const SAID = new Set([
  'model',
  'messages',
  'input',
  'contents',
  'system',
  'instructions',
  'tools',
  'functions',
  'systemInstruction',
  'system_instruction',
  'previous_response_id',
]);
const MOST_SETTINGS = 24;
const SETTING_CHARACTERS = 160;

/** What else a request asks for, as its members say it; those of an inner object by their own names. */
function settingsOf(body: Members): [string, string][] {
  const flat = Object.entries(body).flatMap(([name, value]): [string, unknown][] =>
    name === 'generationConfig' ? Object.entries(objectOf(value)) : [[name, value]],
  );
  return flat
    .filter(([name, value]) => !SAID.has(name) && value !== null)
    .slice(0, MOST_SETTINGS)
    .map(([name, value]) => [name, shortValue(value)]);
}

function shortValue(value: unknown): string {
  let written: string;
  try {
    written = typeof value === 'string' ? value : JSON.stringify(value);
  } catch {
    return '…';
  }
  return written.length > SETTING_CHARACTERS ? `${written.slice(0, SETTING_CHARACTERS)}…` : written;
}

export interface Read {
  system?: Turn[];
  tools?: ToolOffer[];
  turns: readonly (() => Turn)[];
  continues?: string;
}

/** Joins what was read. Only the turns that are shown are made: a body may have millions. */
export function conversationOf(body: Members, read: Read): Conversation {
  const leftOut = Math.max(0, read.turns.length - MOST_TURNS);
  const turns = joined(read.turns.slice(leftOut).map((make) => make()));
  const [system, said] = [turns.filter(isSystem), turns.filter((turn) => !isSystem(turn))];
  return {
    system: [...(read.system ?? []), ...system],
    tools: read.tools ?? [],
    settings: settingsOf(body),
    turns: said,
    leftOut,
    newFrom: said.findLastIndex(({ role }) => role === 'assistant') + 1,
    continues: read.continues ?? '',
  };
}

const isSystem = ({ role }: Turn): boolean => role === 'system';

/** Items of one role in a row are one turn; of tools too: what several calls gave comes back together. */
export function joined(turns: readonly Turn[]): Turn[] {
  const all: Turn[] = [];
  for (const turn of turns) {
    const last = all.at(-1);
    if (last?.role === turn.role && last.name === turn.name && turn.role !== 'user' && turn.role !== 'system') {
      if (last.blocks.length < MOST_BLOCKS) last.blocks.push(...turn.blocks);
    } else if (turn.blocks.length > 0) all.push({ ...turn, blocks: [...turn.blocks] });
  }
  return all;
}

/** The words of an error, in any API's shape; empty where there is none. */
export function errorIn(body: Members): string {
  const error = body['error'];
  if (error === undefined || error === null) return '';
  if (typeof error === 'string') return error;
  const { message, type, code } = objectOf(error);
  return [textOf(type) || textOf(code), textOf(message)].filter((part) => part !== '').join(': ') || 'error';
}

export { objectOf, objectsOf, textOf };
