import { expect, test } from 'vitest';
import { modelMetadataFrom } from '../../src/serve/model-metadata.ts';
import { table } from '../pricing/support.ts';

test("what /v1/models shows of a model is the operator's own price, where there is one, for the providers of its basis", () => {
  const provider = (costBasis: string) => ({ costBasis, compatibility: [], modelCostMap: [] });
  const metadata = modelMetadataFrom(table, {
    autoCostBasis: true,
    prices: [
      { basis: 'openai', model: 'gpt-5', like: 'gpt-5', per_million: { output: '$12' } },
      { basis: 'openai', model: 'house', per_million: { input: '$0.10', output: '$0.40' } },
    ],
    providers: { openai: provider('openai'), azure: provider('azure') },
  });
  expect(metadata('openai', 'gpt-5')?.pricing).toMatchObject({ input: '0.00000125', output: '0.00001200' });
  expect(metadata('azure', 'gpt-5')?.pricing).toMatchObject({ input: '0.00000125', output: '0.00001000' });
  expect(metadata('openai', 'house')?.pricing).toMatchObject({ input: '0.00000010', output: '0.00000040' });
  expect(metadata('azure', 'house')).toBeUndefined();
});

test('a model of OpenAI’s that is none for texts says where it is to be had', () => {
  const metadata = modelMetadataFrom(table, {
    autoCostBasis: true,
    prices: [],
    providers: {
      openai: { costBasis: 'openai', compatibility: [], modelCostMap: [] },
      google: { costBasis: 'google', compatibility: [], modelCostMap: [] },
    },
  });
  expect(metadata('openai', 'gpt-image-1')?.endpoints).toEqual(['/v1/images/generations', '/v1/images/edits']);
  expect(metadata('openai', 'gpt-4o-transcribe')?.endpoints).toEqual(['/v1/audio/transcriptions']);
  expect(metadata('openai', 'tts-1')?.endpoints).toEqual(['/v1/audio/speech']);
  expect(metadata('openai', 'text-embedding-3-small')?.endpoints).toEqual(['/v1/embeddings']);
  expect(metadata('openai', 'gpt-5')?.endpoints).toBeUndefined();
  expect(metadata('google', 'gemini-2.5-flash-image')?.endpoints).toBeUndefined();
});
