import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isReadable, RequestCapture, ResponseCapture } from '../../src/capture/body.ts';
import type { BodyCapture } from '../../src/capture/body.ts';
import { PIECE_BYTES, piecesOf } from '../../src/capture/cuts.ts';
import { pack, unpack } from '../../src/capture/pack.ts';
import { cook } from '../../src/capture/recipe.ts';

/** Blobs by hash, as the database would have them. */
type Shelf = Map<string, Uint8Array>;

function captured(body: BodyCapture, bytes: Uint8Array, shelf: Shelf, cutAt = bytes.length): Buffer {
  for (let at = 0; at < bytes.length; at += Math.max(1, cutAt)) body.add(bytes.subarray(at, at + Math.max(1, cutAt)));
  const { recipe } = body.end();
  for (const blob of body.takeBlobs()) shelf.set(blob.sha256.toString('hex'), blob.bytes);
  return recipe ?? Buffer.alloc(0);
}

async function cooked(recipe: Buffer, shelf: Shelf): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of cook(recipe, () => Promise.resolve(shelf))) parts.push(part);
  return Buffer.concat(parts);
}

/** A request of an agent after so many turns: everything said before, and one more question. */
function agentRequest(turns: number): Buffer {
  const messages = Array.from({ length: turns * 2 - 1 }, (_, index) => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content: [
      { type: 'text', text: `Message ${index}: ${`${index * 7919} words about the code, "quoted". `.repeat(20)}` },
    ],
  }));
  const tools = Array.from({ length: 12 }, (_, index) => ({
    name: `tool_${index}`,
    input_schema: { type: 'object', properties: { path: { type: 'string', description: 'p'.repeat(200) } } },
  }));
  const system = [{ type: 'text', text: 'You are a careful engineer. '.repeat(100) }];
  return Buffer.from(JSON.stringify({ model: 'claude-sonnet-4-6', max_tokens: 4096, system, tools, messages }));
}

describe('a body and its recipe', () => {
  test('any JSON comes back byte for byte, whatever the chunks it came in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 5 }), fc.nat(64), async (json, chunk) => {
        const bytes = Buffer.from(json);
        for (const body of [new RequestCapture(), new ResponseCapture()]) {
          const shelf: Shelf = new Map();
          expect((await cooked(captured(body, bytes, shelf, chunk), shelf)).equals(bytes)).toBe(true);
        }
      }),
    );
  });

  test('any bytes come back byte for byte, JSON or not', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 5000 }),
        fc.constantFrom('', '{"messages":[', '{"a":[{'),
        async (tail, head) => {
          const bytes = Buffer.concat([Buffer.from(head), tail]);
          const shelf: Shelf = new Map();
          expect((await cooked(captured(new RequestCapture(), bytes, shelf), shelf)).equals(bytes)).toBe(true);
        },
      ),
    );
  });

  test('the pieces are the elements of the top-level arrays, with what stands around them', () => {
    const body = ' {"model":"m","messages": [ {"role":"user","content":"[1, 2]"}, {"content":["a","\\"]"]} ],"n":[]}';
    expect(piecesOf(Buffer.from(body)).map((piece) => Buffer.from(piece).toString())).toEqual([
      ' {"model":"m","messages": [',
      ' {"role":"user","content":"[1, 2]"},',
      ' {"content":["a","\\"]"]} ',
      '],"n":[',
      ']}',
    ]);
  });

  test('no piece is longer than a mebibyte', () => {
    const body = Buffer.from(JSON.stringify({ input: ['x'.repeat(3 * PIECE_BYTES)] }));
    const pieces = piecesOf(body);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBe(PIECE_BYTES);
    expect(Buffer.concat(pieces).equals(body)).toBe(true);
  });

  test('a 60-turn agent session is stored in a tenth of its bytes, before compression', async () => {
    const shelf: Shelf = new Map();
    const recipes: Buffer[] = [];
    let rawBytes = 0;
    for (let turn = 1; turn <= 60; turn += 1) {
      const body = agentRequest(turn);
      rawBytes += body.length;
      recipes.push(captured(new RequestCapture(), body, shelf));
    }
    const storedBytes = [...shelf.values(), ...recipes].reduce((sum, { length }) => sum + length, 0);
    expect(rawBytes / storedBytes).toBeGreaterThan(10);
    for (const [index, recipe] of recipes.entries()) {
      expect((await cooked(recipe, shelf)).equals(agentRequest(index + 1))).toBe(true);
    }
  });

  test('a blob that is missing is an error, and not a shorter body', async () => {
    const shelf: Shelf = new Map();
    const recipe = captured(new ResponseCapture(), Buffer.from('x'.repeat(1000)), shelf);
    await expect(cooked(recipe, new Map())).rejects.toThrow(/missing/);
    await expect(cooked(recipe.subarray(0, 20), shelf)).rejects.toThrow(/whole step/);
  });
});

test('what is packed comes back, and is never longer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(20), (bytes, times) => {
      const content = Buffer.concat(Array.from({ length: times }, () => bytes));
      const packed = pack(content);
      expect(packed.body.length).toBeLessThanOrEqual(content.length);
      expect(Buffer.from(unpack(packed, content.length)).equals(content)).toBe(true);
    }),
  );
});

test.each([
  ['application/json; charset=utf-8', true],
  ['text/event-stream', true],
  ['application/problem+json', true],
  [undefined, true],
  ['application/vnd.amazon.eventstream', true],
  ['audio/mpeg', false],
  ['application/octet-stream', false],
  ['multipart/form-data; boundary=x', false],
])('a body of type %s is kept without save_raws: %s', (type, kept) => {
  expect(isReadable(type)).toBe(kept);
});
