import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { connectClient } from '../flow/socket-provider.ts';
import { until } from '../support/until.ts';

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await simulator.close();
});

test('a turn over WebSocket is steered, answered and booked like a POST', async () => {
  const client = await connectClient(`${simulator.url}/v1/responses`, { 'x-sim': 'input=12;text=One;tag=ws' });
  client.send({ type: 'response.create', model: 'gpt-5-mini', input: 'hello', stream_id: 'a' });
  expect(await client.until('response.completed')).toMatchObject({
    stream_id: 'a',
    response: { model: 'gpt-5-mini', usage: { input_tokens: 12 } },
  });
  expect(await client.until('response.output_text.delta')).toMatchObject({ delta: 'One' });
  await until('it is booked', () => simulator.books(0, 'ws').entries[0]?.ending === 'complete');
  client.socket.close();
});

test('reading ahead costs and says nothing; an error is a message', async () => {
  const client = await connectClient(`${simulator.url}/v1/responses`);
  client.send({ type: 'response.create', model: 'gpt-5-mini', input: 'hello', generate: false });
  expect(await client.until('response.completed')).toMatchObject({ response: { usage: { total_tokens: 0 } } });
  client.send({ type: 'response.steer' });
  expect(await client.until('error')).toMatchObject({ status: 400 });
  client.socket.close();
});
