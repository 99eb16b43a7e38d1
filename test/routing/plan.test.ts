import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Compatibility } from '../../src/contract/api.ts';
import { answerTo } from '../../src/contract/fault.ts';
import type { Provider } from '../../src/contract/provider.ts';
import { compileRouting, heldRoute, mayName, planRoute, visibleModels } from '../../src/routing/plan.ts';
import type { Allows } from '../../src/routing/plan.ts';
import { provider } from './providers.ts';

const everything: Allows = () => ['g'];
const nothing: Allows = () => undefined;

function plan(providers: Provider[], model: string, options: { format?: Compatibility; allows?: Allows } = {}) {
  const compatibility = options.format ?? 'openai_chat';
  return planRoute({
    model,
    compatibility,
    api: compatibility,
    providers: compileRouting(providers),
    allows: options.allows ?? everything,
  });
}

function chosen(providers: Provider[], model: string, options: { format?: Compatibility; allows?: Allows } = {}) {
  const route = plan(providers, model, options);
  return route.ok
    ? `${route.value.provider.id} ${route.value.model} ${route.value.rewriteModel ? 'rewritten' : 'as is'}`
    : route.fault.code;
}

test('a bare name goes to the provider that lists it', () => {
  expect(chosen([provider('a', ['x']), provider('b', ['y'])], 'y')).toBe('b y as is');
});

test('the highest preference wins, and of equals the first in the config', () => {
  const providers = [
    provider('low', ['m'], { preference: -5 }),
    provider('first', ['m'], { preference: 10 }),
    provider('second', ['m'], { preference: 10 }),
    provider('zero', ['m']),
  ];
  expect(chosen(providers, 'm')).toBe('first m as is');
});

test('provider/model means that provider, and the name is rewritten', () => {
  const providers = [provider('a', ['m'], { preference: 10 }), provider('b', ['m'])];
  expect(chosen(providers, 'b/m')).toBe('b m rewritten');
});

test('only the first slash splits', () => {
  const providers = [provider('openrouter', ['qwen/qwen3-235b-a22b-2507'])];
  expect(chosen(providers, 'openrouter/qwen/qwen3-235b-a22b-2507')).toBe(
    'openrouter qwen/qwen3-235b-a22b-2507 rewritten',
  );
  expect(chosen(providers, 'qwen/qwen3-235b-a22b-2507')).toBe('openrouter qwen/qwen3-235b-a22b-2507 as is');
});

test('a name with slashes that is both a provider and a model means the provider, where that leads somewhere', () => {
  const openai = provider('openai', ['gpt-5']);
  const openrouter = provider('openrouter', ['openai/gpt-5'], { preference: 10 });
  expect(chosen([openai, openrouter], 'openai/gpt-5')).toBe('openai gpt-5 rewritten');
  const onlyOpenrouter: Allows = (id) => (id === 'openrouter' ? ['g'] : undefined);
  expect(chosen([openai, openrouter], 'openai/gpt-5', { allows: onlyOpenrouter })).toBe(
    'openrouter openai/gpt-5 as is',
  );
  expect(chosen([openrouter], 'openai/gpt-5')).toBe('openrouter openai/gpt-5 as is');
});

test('a disabled provider serves nothing', () => {
  const providers = [provider('a', ['m'], { disabled: true, preference: 10 }), provider('b', ['m'])];
  expect(chosen(providers, 'm')).toBe('b m as is');
  expect(chosen(providers, 'a/m')).toBe('model_unknown');
});

test('a provider that is preferred but not granted, or speaks another format, is passed over', () => {
  const providers = [
    provider('a', ['m'], { preference: 3 }),
    provider('b', ['m'], { preference: 2, compatibility: ['anthropic_messages'] }),
    provider('c', ['m'], { preference: 1 }),
  ];
  expect(chosen(providers, 'm', { allows: (id) => (id === 'a' ? undefined : ['g']) })).toBe('c m as is');
  expect(chosen(providers, 'm', { format: 'anthropic_messages' })).toBe('b m as is');
});

test('the route says which grants allowed it', () => {
  const route = plan([provider('a', ['m'])], 'm', { allows: (id, model) => [`${id}:${model}`, 'two'] });
  expect(route).toMatchObject({ ok: true, value: { grantIds: ['a:m', 'two'] } });
});

test('what is not granted is answered word for word like what does not exist', () => {
  const present = plan([provider('a', ['secret-model'])], 'secret-model', { allows: nothing });
  const absent = plan([provider('a', ['m'])], 'secret-model');
  expect(present).toEqual(absent);
  expect(present).toEqual({ ok: false, fault: { code: 'model_unknown', model: 'secret-model' } });
});

test('a granted model in another format says in which it is to be had', () => {
  const providers = [
    provider('a', ['m'], { compatibility: ['openai_responses'] }),
    provider('b', ['m'], { compatibility: ['anthropic_messages', 'openai_responses'] }),
    provider('c', ['m'], { compatibility: ['bedrock_converse'] }),
  ];
  const route = plan(providers, 'm', { allows: (id) => (id === 'c' ? undefined : ['g']) });
  expect(route.ok).toBe(false);
  if (route.ok) return;
  expect(route.fault).toEqual({
    code: 'model_other_api',
    model: 'm',
    asked: 'openai_chat',
    served: ['openai_responses', 'anthropic_messages'],
  });
  expect(answerTo(route.fault).message).toContain(
    'available through openai_responses, anthropic_messages, not openai_chat',
  );
  expect(answerTo(route.fault).status).toBe(404);
});

test.each(['', '/', 'a/', '/m', 'a', 'a/m/', 'A/m', '__proto__', 'constructor', 'a/__proto__', 'm\0', ' m'])(
  'the odd name %j is unknown',
  (model) => {
    expect(chosen([provider('a', ['m'])], model)).toBe('model_unknown');
  },
);

test('a very long name is cut in the answer', () => {
  const route = plan([provider('a', ['m'])], 'x'.repeat(100_000));
  expect(route.ok ? '' : answerTo(route.fault).message.length).toBeLessThan(400);
});

test('whatever is asked, the route is of an enabled provider that lists the model, has the flag and is granted', () => {
  const formats = fc.constantFrom<Compatibility>('openai_chat', 'anthropic_messages', 'openai_responses');
  const names = fc.constantFrom('m', 'n', 'a/m', 'b/m', 'b/a/m');
  const one = fc.record({
    id: fc.constantFrom('a', 'b', 'c'),
    models: fc.array(names),
    compatibility: fc.uniqueArray(formats),
    preference: fc.integer({ min: -2, max: 2 }),
    disabled: fc.boolean(),
  });
  const all = fc.uniqueArray(one, { selector: (p) => p.id });
  fc.assert(
    fc.property(
      all,
      names,
      formats,
      fc.uniqueArray(fc.constantFrom<string[]>('a', 'b', 'c')),
      (given, model, format, granted) => {
        const providers = given.map(({ id, models, ...rest }) => provider(id, models, rest));
        const route = plan(providers, model, { format, allows: (id) => (granted.includes(id) ? ['g'] : undefined) });
        const serving = given.filter((p) => !p.disabled && granted.includes(p.id));
        const named = serving.filter((p) => p.models.some((m) => m === model || `${p.id}/${m}` === model));
        const fitting = named.filter((p) => p.compatibility.includes(format));
        if (!route.ok) {
          expect(fitting).toEqual([]);
          expect(route.fault.code).toBe(
            named.some((p) => p.compatibility.length > 0) ? 'model_other_api' : 'model_unknown',
          );
          return;
        }
        const { provider: to, model: as, rewriteModel } = route.value;
        expect(fitting.map((p) => p.id)).toContain(to.id);
        expect(rewriteModel ? `${to.id}/${as}` : as).toBe(model);
        const prefix = fitting.find((p) => p.models.some((m) => `${p.id}/${m}` === model));
        const best = Math.max(...fitting.map((p) => p.preference));
        expect(prefix === undefined ? to.preference : to.id).toBe(prefix === undefined ? best : prefix.id);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a list shows what may be used, one entry a name, with the provider that would serve it', () => {
  const table = compileRouting([
    provider('a', ['m', 'n', 'hidden']),
    provider('b', ['m'], { preference: 1, compatibility: ['anthropic_messages'] }),
    provider('off', ['z'], { disabled: true }),
  ]);
  const allows: Allows = (_, model) => (model === 'hidden' ? undefined : ['g']);
  expect(visibleModels(table, allows).map((v) => [v.id, v.provider.id, v.compatibility])).toEqual([
    ['m', 'b', ['anthropic_messages', 'openai_chat']],
    ['n', 'a', ['openai_chat']],
  ]);
  expect(visibleModels(table, allows, 'openai_chat').map((v) => [v.id, v.provider.id])).toEqual([
    ['m', 'a'],
    ['n', 'a'],
  ]);
  expect(visibleModels(table, nothing)).toEqual([]);
});

test('what continues an earlier response goes to the provider that has it, where that one serves the model', () => {
  const providers = compileRouting([
    provider('first', ['m'], { preference: 10 }),
    provider('holder', ['m']),
    provider('mute', ['m'], { compatibility: ['anthropic_messages'] }),
  ]);
  const to = (model: string, holder: string, allows: Allows = everything): string => {
    const route = planRoute({ model, compatibility: 'openai_chat', api: 'openai_chat', providers, allows, holder });
    return route.ok ? route.value.provider.id : route.fault.code;
  };
  expect(to('m', 'holder')).toBe('holder');
  expect(to('m', 'gone')).toBe('first');
  expect(to('m', 'mute')).toBe('first');
  expect(to('first/m', 'holder')).toBe('first');
  expect(to('m', 'holder', (id) => (id === 'holder' ? undefined : ['g']))).toBe('first');
});

test('a request about a stored response goes where it is, with a grant for the model that made it', () => {
  const providers = compileRouting([
    provider('openai', ['gpt-5', 'a/b'], { preference: 10 }),
    provider('openrouter', ['openai/gpt-5']),
    provider('mute', ['gpt-5'], { compatibility: ['anthropic_messages'] }),
  ]);
  const held = (at: string, model: string, allows: Allows = everything): string => {
    const route = heldRoute({ provider: at, model, compatibility: 'openai_chat', providers, allows });
    return route.ok ? `${route.value.provider.id} ${route.value.model}` : route.fault.code;
  };
  expect(held('openai', 'gpt-5')).toBe('openai gpt-5');
  expect(held('openai', 'openai/gpt-5')).toBe('openai gpt-5');
  expect(held('openai', 'a/b')).toBe('openai a/b');
  expect(held('openrouter', 'openai/gpt-5')).toBe('openrouter openai/gpt-5');
  expect(held('gone', 'gpt-5')).toBe('model_unknown');
  expect(held('openai', 'gone')).toBe('model_unknown');
  expect(held('mute', 'gpt-5')).toBe('model_unknown');
  expect(held('openai', 'gpt-5', nothing)).toBe('model_unknown');
});

test('a further model of a body is judged as the name it is, and as what its provider may read in it', () => {
  const openai = provider('openai', ['gpt-5']);
  const openrouter = provider('openrouter', ['openai/gpt-5', 'cheap']);
  const providers = compileRouting([openai, openrouter]);
  const granted =
    (...names: string[]): Allows =>
    (id, model) =>
      names.includes(`${id} ${model}`) ? ['g'] : undefined;
  const may = (at: Provider, name: string, allows: Allows): boolean =>
    mayName({ provider: at, name, providers, allows });

  expect(may(openai, 'gpt-image-1', granted('openai gpt-image-1'))).toBe(true);
  expect(may(openai, 'gpt-image-1', granted('openai gpt-5'))).toBe(false);
  expect(may(openai, 'openai/gpt-5', granted('openai gpt-5'))).toBe(true);
  expect(may(openai, 'openai/gpt-5', granted('openai openai/gpt-5'))).toBe(false);
  // The provider's own name, whatever another provider is called.
  expect(may(openrouter, 'openai/gpt-5', granted('openrouter openai/gpt-5'))).toBe(true);
  expect(may(openrouter, 'openai/gpt-5', granted('openai gpt-5'))).toBe(false);
  // Another provider's model by its full name: there, and as what it is here.
  expect(may(openai, 'openrouter/cheap', granted('openai openrouter/cheap'))).toBe(false);
  expect(may(openai, 'openrouter/cheap', granted('openrouter cheap'))).toBe(false);
  expect(may(openai, 'openrouter/cheap', granted('openrouter cheap', 'openai openrouter/cheap'))).toBe(true);
});
