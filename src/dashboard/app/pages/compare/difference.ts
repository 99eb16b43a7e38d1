import type { Block, Conversation, Exchange, ToolOffer, Turn } from '../request/conversation/model.ts';

/** A part of what was said in which two requests differ, from the first character on in which they do. */
export interface Difference {
  name: string;
  /** How both go on before it. */
  before: string;
  /** Null: there is no such part. */
  a: string | null;
  b: string | null;
}

export interface Compared {
  /** Parts in which both say the same. */
  same: string[];
  different: Difference[];
}

const BEFORE_CHARACTERS = 160;
const SHOWN_CHARACTERS = 1_200;

/** What two requests and their answers say alike, and where each part first differs. */
export function compare(a: Exchange, b: Exchange): Compared {
  const parts: [name: string, a: string | null, b: string | null][] = [
    ['System prompt', textOfTurns(a.asked?.system), textOfTurns(b.asked?.system)],
    ['Tools', textOfTools(a.asked?.tools), textOfTools(b.asked?.tools)],
    ['Settings', textOfSettings(a.asked), textOfSettings(b.asked)],
    firstTurns(a.asked, b.asked),
    ['Answer', textOfAnswer(a), textOfAnswer(b)],
  ];
  const there = parts.filter(([, one, other]) => one !== null || other !== null);
  return {
    same: there.filter(([, one, other]) => one === other).map(([name]) => name),
    different: there
      .filter(([, one, other]) => one !== other)
      .map(([name, one, other]) => differenceOf(name, one, other)),
  };
}

export function differenceOf(name: string, a: string | null, b: string | null): Difference {
  const at = a === null || b === null ? 0 : commonLength(a, b);
  const from = Math.max(0, at - BEFORE_CHARACTERS);
  const before = (a ?? '').slice(from, at);
  const rest = (text: string | null) =>
    text === null ? null : text.slice(at, at + SHOWN_CHARACTERS) + (text.length > at + SHOWN_CHARACTERS ? '…' : '');
  return { name, before: from > 0 ? `…${before}` : before, a: rest(a), b: rest(b) };
}

/** Never within a character of two halves. */
function commonLength(a: string, b: string): number {
  let at = 0;
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  const isHalf = at > 0 && (a.charCodeAt(at - 1) & 0xfc00) === 0xd800;
  return isHalf ? at - 1 : at;
}

/** The first turn that is another, by its place in the whole conversation; the name says how many are the same before it. */
function firstTurns(a: Conversation | null, b: Conversation | null): [string, string | null, string | null] {
  if (a === null || b === null) return ['Conversation', textOfTurns(a?.turns), textOfTurns(b?.turns)];
  const first = Math.max(a.leftOut, b.leftOut);
  const count = Math.max(a.leftOut + a.turns.length, b.leftOut + b.turns.length);
  const turnAt = (of: Conversation, place: number) => {
    const turn = of.turns[place - of.leftOut];
    return turn === undefined ? null : textOfTurn(turn);
  };
  for (let place = first; place < count; place += 1) {
    const [one, other] = [turnAt(a, place), turnAt(b, place)];
    if (one !== other) return [turnName(place, first), one, other];
  }
  return ['Conversation', '', ''];
}

/** Of very long conversations the first turns are not looked at. */
function turnName(place: number, unseen: number): string {
  const alike = place - unseen;
  const seen = unseen === 0 ? '' : `, the first ${unseen} not looked at`;
  if (alike === 0) return `Turn ${place + 1}${seen}`;
  return `Turn ${place + 1}; the ${alike === 1 ? 'one' : alike} before ${alike === 1 ? 'is' : 'are'} the same${seen}`;
}

function textOfTurns(turns: readonly Turn[] | undefined): string | null {
  return turns === undefined || turns.length === 0 ? null : turns.map(textOfTurn).join('\n\n');
}

function textOfTurn({ role, name, blocks }: Turn): string {
  const who = name === '' || name === role ? role : `${role} (${name})`;
  return `${who}:\n${blocks.map(textOfBlock).join('\n')}`;
}

function textOfBlock(block: Block): string {
  switch (block.kind) {
    case 'text':
      return block.text;
    case 'thinking':
      return `thinking: ${block.sealed ? '(sealed)' : block.text}`;
    case 'call':
      return `calls ${block.name} ${block.input}`;
    case 'result':
      return `${block.failed ? 'failed result' : 'result'}: ${block.blocks.map(textOfBlock).join('\n')}`;
    case 'media':
      return (
        `${block.what} ${block.type} ${block.from}`.trim() + (block.bytes === null ? '' : `, ${block.bytes} bytes`)
      );
    case 'other':
      return `${block.type} ${block.json}`;
  }
}

function textOfTools(tools: readonly ToolOffer[] | undefined): string | null {
  if (tools === undefined || tools.length === 0) return null;
  return tools.map(({ name, about, schema }) => `${name}: ${about}\n${schema}`).join('\n\n');
}

function textOfSettings(asked: Conversation | null): string | null {
  if (asked === null || asked.settings.length === 0) return null;
  return asked.settings.map(([name, value]) => `${name} ${value}`).join('\n');
}

function textOfAnswer({ answer }: Exchange): string | null {
  if (answer === null) return null;
  return [textOfTurns(answer.turns) ?? '', answer.error].filter((text) => text !== '').join('\n\n');
}
