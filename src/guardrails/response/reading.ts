import { ArgumentsChannel, NUMBER } from './arguments-channel.ts';
import { TextChannel } from './channel.ts';
import type { Channel, Sight } from './channel.ts';
import type { JsonNode, ObjectNode, TextNode } from './json-tree.ts';
import { memberOf } from './json-tree.ts';
import type { Kind, Scope } from './scope.ts';
import type { ToolCalls } from './tool-calls.ts';
import type { Gate, Range, Slot, Unit } from './unit.ts';

/** As the verdict says where a text stood. */
export type Place = 'assistant' | 'tool_call' | 'tool_result' | 'thinking' | 'text';

/** What a text is, beside its words. */
export interface Nature {
  place: Place;
  /** `open` where nothing else is said. */
  kind?: Kind;
  /** `arguments`: JSON text, whose strings are texts. */
  form?: 'text' | 'arguments';
  /** It was told before. */
  again?: boolean;
  signed?: Slot['signed'];
  twins?: Slot['twins'];
}

/** One event while it is read. */
export interface Reading {
  unit: Unit;
  /** What holds its JSON. */
  doc: Buffer;
  /** From places in the JSON to places in the unit's bytes. */
  rawOf: (at: number) => number;
}

interface Open {
  channel: Channel;
  group: string;
  /** `text`, `tool`, `thinking`: texts of one group and kind may take turns. */
  strand: string;
  /** Characters of other strands of its group since it was last added to. */
  behind: number;
}

/**
 * A server that goes on with something else has finished this text, in all that is known of servers; one that comes back
 * to it within so many characters is still read as one text. More would hold an answer's beginning back for its reasoning's end.
 */
const GRACE_CHARS = 256;

/** What is kept of other texts, so that they are read once: some hundred KiB at most. */
const OTHERS = 1024;
const OTHER_CHARS = 256;

/** The texts of one response, and the slots in which they stand. */
export class Texts {
  readonly calls: ToolCalls;
  /** The rule that refuses the response. */
  blocked: string | undefined;
  readonly #scope: Scope;
  readonly #open = new Map<string, Open>();
  /** Those that were read, and whether anything in them changes. */
  readonly #others = new Map<string, boolean>();
  #reading: Reading = {
    unit: { bytes: new Uint8Array(0), slots: [], gates: [] },
    doc: Buffer.alloc(0),
    rawOf: (at) => at,
  };

  constructor(scope: Scope, calls: ToolCalls) {
    this.#scope = scope;
    this.calls = calls;
  }

  /** What is read from now on stands in this event. */
  begin(reading: Reading): void {
    this.#reading = reading;
  }

  /** A piece of the text `strand:key` of a group. */
  piece(node: JsonNode | undefined, group: string, strand: string, key: string, nature: Nature): void {
    if (node?.kind !== 'text') return;
    node.taken = true;
    if (node.value === '') return;
    const sight = this.#sightOf(nature);
    if (!reads(sight)) return;
    const name = `${group}/${strand}:${key}`;
    let open = this.#open.get(name);
    if (open === undefined) {
      open = { channel: this.#channel(sight, nature), group, strand, behind: 0 };
      this.#open.set(name, open);
    }
    open.behind = 0;
    this.#add({ range: this.#rangeOf(node), text: node.value, form: 'json' }, open.channel, sight, nature);
    if (this.#open.size > 1) this.#passOthers(open, node.value.length);
  }

  /** A text that stands here as a whole. */
  whole(node: TextNode, nature: Nature): void {
    if (node.taken) return;
    node.taken = true;
    this.#whole(node, node.value, nature);
  }

  /** A text of no known place. Servers repeat them with each event: one that nothing changes is read once. */
  other(node: TextNode, nature: Nature): void {
    if (node.taken) return;
    const seen = `${nature.kind ?? 'open'} ${node.value}`;
    const changes = this.#others.get(seen);
    if (changes === false) node.taken = true;
    else this.whole(node, changes === undefined ? nature : { ...nature, again: true });
    if (changes !== undefined || seen.length > OTHER_CHARS || this.#others.size >= OTHERS) return;
    const slot = this.#reading.unit.slots.at(-1);
    this.#others.set(seen, slot?.text === node.value && slot.channel.changes.length > 0);
  }

  /** JSON that the model wrote: each string in it, key or value, is a text, and each number is. */
  written(node: JsonNode | undefined, nature: Nature): void {
    switch (node?.kind) {
      case 'text':
        this.whole(node, nature);
        return;
      case 'scalar':
        if (NUMBER.test(node.text)) this.#whole(node, node.text, nature);
        return;
      case 'list':
        for (const item of node.items) this.written(item, nature);
        return;
      case 'object':
        for (const { key, value } of node.members) {
          this.whole(key, nature);
          this.written(value, nature);
        }
        return;
      case undefined:
    }
  }

  /** The JSON of a node, as it stands there; not looked for where no rule judges calls. */
  jsonOf(node: JsonNode): string {
    return this.calls.judges ? this.#reading.doc.toString('utf8', node.start, node.end) : '';
  }

  /** Text of the unit itself, outside of its JSON. */
  raw(range: Range, text: string, form: 'line' | 'body'): void {
    const nature: Nature = { place: 'text' };
    const sight = this.#sightOf(nature);
    if (text === '' || !reads(sight)) return;
    const channel = new TextChannel(sight, this.#scope.placeholders);
    this.#add({ range, text, form }, channel, sight, nature);
    this.#end(channel);
  }

  /** The event waits for it. */
  wait(gate: Gate | undefined): void {
    if (gate !== undefined && !gate.open) this.#reading.unit.gates.push(gate);
  }

  endText(group: string, strand: string, key: string): void {
    const name = `${group}/${strand}:${key}`;
    const open = this.#open.get(name);
    if (open === undefined) return;
    this.#end(open.channel);
    this.#open.delete(name);
  }

  /** All texts of a group, or all there are, are over. */
  end(group?: string): void {
    for (const [name, open] of this.#open) {
      if (group !== undefined && open.group !== group) continue;
      this.#end(open.channel);
      this.#open.delete(name);
    }
  }

  #end(channel: Channel): void {
    channel.end();
    this.#note(channel);
  }

  #note(channel: Channel): void {
    if (this.blocked !== undefined || channel.changes.length === 0) return;
    this.blocked = channel.changes.find(({ blockedBy }) => blockedBy !== undefined)?.blockedBy;
  }

  #passOthers(added: Open, chars: number): void {
    // They say what was said.
    if (added.strand === TOKENS) return;
    for (const [name, open] of this.#open) {
      if (open === added || open.group !== added.group || open.strand === added.strand) continue;
      open.behind += chars;
      if (open.behind <= GRACE_CHARS) continue;
      this.#end(open.channel);
      this.#open.delete(name);
    }
  }

  #whole(node: Range, text: string, nature: Nature): void {
    if (text === '') return;
    const sight = this.#sightOf(nature);
    if (!reads(sight)) return;
    const channel = this.#channel(sight, nature);
    this.#add({ range: this.#rangeOf(node), text, form: 'json' }, channel, sight, nature);
    this.#end(channel);
  }

  #add(
    { range, text, form }: { range: Range; text: string; form: Slot['form'] },
    channel: Channel,
    sight: Sight,
    { place, signed = 'no', twins = [], again = false }: Nature,
  ): void {
    const at = channel.length;
    channel.push(text);
    this.#note(channel);
    if (!again) for (const { tally } of sight.runs) tally.read(place, text.length);
    this.#reading.unit.slots.push({
      start: range.start,
      end: range.end,
      text,
      at,
      channel,
      form,
      signed,
      twins: twins.length === 0 ? twins : twins.map((twin) => ({ ...this.#rangeOf(twin), text: twin.text })),
    });
  }

  #rangeOf({ start, end }: Range): Range {
    const { rawOf } = this.#reading;
    return { start: rawOf(start), end: rawOf(end - 1) + 1 };
  }

  #channel(sight: Sight, { form }: Nature): Channel {
    const { placeholders } = this.#scope;
    return form === 'arguments' ? new ArgumentsChannel(sight, placeholders) : new TextChannel(sight, placeholders);
  }

  #sightOf({ kind = 'open', again = false }: Nature): Sight {
    return this.#scope.sight(kind, again);
  }
}

function reads({ runs, restore }: Sight): boolean {
  return restore || runs.length > 0;
}

/** The strand of what tells a text once more, token by token. */
export const TOKENS = 'tokens';

/** What the model says. */
export const SPOKEN: Nature = { place: 'assistant' };

/** Reasoning that nobody signed. */
export const REASONING: Nature = { place: 'thinking', kind: 'reasoning' };

/** Arguments of a call, as values or as text that is no JSON. */
export const INPUT: Nature = { place: 'tool_call' };

/** Arguments of a call, as JSON text. */
export const ARGUMENTS: Nature = { place: 'tool_call', form: 'arguments' };

/** Reasoning that goes back to the provider as it came: read where a rule says so, never changed. */
export const SIGNED: Nature = { place: 'thinking', kind: 'signed', signed: 'whole' };

/** Tokens of a text with their odds: the token, its bytes, and what might have stood there. */
export function tokenTwins(item: ObjectNode): Slot['twins'] {
  const bytes = memberOf(item, 'bytes');
  const others = memberOf(item, 'top_logprobs');
  return [
    ...(bytes?.kind === 'list' ? [{ start: bytes.start, end: bytes.end, text: 'null' }] : []),
    ...(others?.kind === 'list' ? [{ start: others.start, end: others.end, text: '[]' }] : []),
  ];
}
