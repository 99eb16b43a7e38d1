import type { Dice } from './dice.ts';

type Damage = (bytes: Buffer, at: number, dice: Dice) => Buffer;

/** What no reader expects at any place: of UTF-8, of JSON, of events and of numbers. */
const INTRUDERS = [
  Buffer.from([0xff, 0xfe, 0xc3]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0]),
  Buffer.from('\ud83c\udf0a'.slice(0, 1)),
  Buffer.from('\r'),
  Buffer.from('\n'),
  Buffer.from('\r\n\r\n'),
  Buffer.from('\n\ndata: \n\n'),
  Buffer.from('data: [DONE]\n\n'),
  Buffer.from('data: {"error":{}}\n\n'),
  Buffer.from('event: error\ndata: null\n\n'),
  Buffer.from('id: \u0000\nretry: -1\n:\n'),
  Buffer.from('"'),
  Buffer.from('\\u'),
  Buffer.from('}]'),
  Buffer.from('{"__proto__":{"usage":1}}'),
  Buffer.from('\ufeff'),
];

/** In place of a number of the original. */
const ODD_NUMBERS = ['-1', '-0', '1e999', '-1e308', '9007199254740993', '0.5', '"12"', 'null', '{}', '[]', 'NaN', '00'];

const DAMAGES: readonly Damage[] = [
  (bytes, at, dice) => {
    bytes[at] = dice.below(256);
    return bytes;
  },
  (bytes, at, dice) => {
    bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
    return bytes;
  },
  (bytes, at, dice) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + dice.between(1, 200))]),
  (bytes, at, dice) => Buffer.concat([bytes.subarray(0, at + dice.between(1, 400)), bytes.subarray(at)]),
  (bytes, at, dice) => Buffer.concat([bytes.subarray(0, at), dice.pick(INTRUDERS), bytes.subarray(at)]),
  (bytes, at) => Buffer.from(bytes.subarray(0, at)),
  oddNumber,
  oddNumber,
];

function oddNumber(bytes: Buffer, at: number, dice: Dice): Buffer {
  const text = bytes.toString('latin1');
  const number = /(?<=:)-?\d+(?=[,}\]])/g;
  number.lastIndex = at;
  const found = number.exec(text);
  if (found === null) return bytes;
  const rest = text.slice(found.index + found[0].length);
  return Buffer.from(text.slice(0, found.index) + dice.pick(ODD_NUMBERS) + rest, 'latin1');
}

/** A copy with some bytes changed, lost, doubled or put in; at least one damage, most often few. */
export function damaged(bytes: Uint8Array, dice: Dice): Buffer {
  let damage: Buffer = Buffer.from(bytes);
  const times = dice.chance(0.7) ? dice.between(1, 3) : dice.between(4, 20);
  for (let i = 0; i < times; i++) damage = dice.pick(DAMAGES)(damage, dice.below(damage.length + 1), dice);
  return damage;
}

/** JSON that is valid, and nests deeper than any recursion likes. */
export function depthBomb(dice: Dice): Buffer {
  const depth = dice.pick([200, 5000, 100_000]);
  return dice.chance(0.5)
    ? Buffer.from('['.repeat(depth) + ']'.repeat(depth))
    : Buffer.from(`${'{"usage":'.repeat(depth)}1${'}'.repeat(depth)}`);
}

/** In pieces of all sizes, or byte by byte. */
export function inPieces(bytes: Buffer, dice: Dice): Buffer[] {
  const most = dice.pick([1, 3, 17, 300, 5000]);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + dice.between(1, most));
    pieces.push(bytes.subarray(at, end));
    at = end;
  }
  return pieces;
}
