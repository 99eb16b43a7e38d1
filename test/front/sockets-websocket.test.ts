import { once } from 'node:events';
import { WebSocket } from 'ws';
import { expect, test } from 'vitest';
import { createNodeSocket } from '../../src/front/node-socket.ts';
import type { Accept, FrontSocket } from '../../src/front/socket.ts';
import { createUwsSocket } from '../../src/front/uws.ts';
import { until } from '../support/until.ts';

const LAYERS: [string, (accept: Accept) => FrontSocket][] = [
  ['uWebSockets.js', (accept) => createUwsSocket(accept, 0, undefined, 10)],
  ["Node's own", (accept) => createNodeSocket(accept, 0)],
];

test.each(LAYERS)(
  '%s: messages both ways, goodbyes with their code, 1009 for what is too long, and no request stays open',
  async (_name, create) => {
    const told: string[] = [];
    const upgrading = create((_, response) => {
      const peer = response.upgrade(
        { protocol: 'one', headers: [['x-own', 'yes']], maxMessageBytes: 10 },
        {
          message: (bytes, binary) => {
            told.push(`${binary ? 'binary' : 'text'} ${Buffer.from(bytes).toString()}`);
            peer?.send(bytes, binary);
            if (bytes.byteLength === 3) peer?.close(4000, 'ü'.repeat(100));
          },
          drained: () => undefined,
          closed: (code, reason) => told.push(`closed ${code} ${reason}`),
        },
      );
      if (peer === undefined) response.send(426, [], 'no');
    });
    const at = await upgrading.listen('127.0.0.1', 0);
    const open = async (): Promise<WebSocket> => {
      const ws = new WebSocket(`ws://127.0.0.1:${at}/any`, ['one']);
      await once(ws, 'open');
      return ws;
    };
    const first = await open();
    expect(first.protocol).toBe('one');
    expect(upgrading.open).toBe(0);
    const heard: string[] = [];
    first.on('message', (data: Buffer, binary) => heard.push(`${binary ? 'binary' : 'text'} ${data.toString()}`));
    first.send('hello');
    first.send(Buffer.from([65]), { binary: true });
    first.send('bye');
    const [code, reason] = (await once(first, 'close')) as [number, Buffer];
    expect(heard).toEqual(['text hello', 'binary A', 'text bye']);
    // A reason has 123 bytes at most, and whole characters.
    expect([code, reason.toString()]).toEqual([4000, 'ü'.repeat(61)]);

    const second = await open();
    second.send('longer than that');
    expect((await once(second, 'close'))[0]).toBe(1009);
    const third = await open();
    third.close(4001, 'mine');
    await until('all goodbyes were told', () => told.filter((text) => text.startsWith('closed')).length === 3);
    expect(told.at(-1)).toBe('closed 4001 mine');
    const plain = await fetch(`http://127.0.0.1:${at}/any`);
    expect(plain.status).toBe(426);
    upgrading.close();
  },
);
