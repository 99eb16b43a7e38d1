import { expect, test } from 'vitest';
import { explainConfig, explanationText } from '../../src/serve/show-explain.ts';
import { loadConfig } from '../../config/load.ts';

const CAPABILITY = 'tailscale.com/cap/aperture';

function explained() {
  const words = { kind: 'words', action: 'block', words: ['x'] };
  const config = {
    providers: { p: { baseurl: 'http://x', models: ['m'] } },
    hooks: {
      late: { builtin: words, preference: -1 },
      quiet: { builtin: { ...words, action: 'flag', sides: ['response'], shadow: true }, fail_policy: 'fail_open' },
      audit: { url: 'http://x', apikey: 'canary', preference: 5 },
      off: { builtin: words, disabled: true },
      nowhere: { url: 'ftp://canary', fail_policy: 'fail_closed' },
      others: { builtin: words },
    },
    grants: [
      {
        src: ['*'],
        app: {
          [CAPABILITY]: [
            { role: 'user', models: '**', send_hooks: [{ name: 'late' }, { name: 'quiet' }, { name: 'typo' }] },
            { send_hooks: [{ name: 'off' }, { name: 'nowhere', events: ['pre_request'] }] },
            { models: 'p/*', send_hooks: [{ name: 'audit', events: ['pre_request', 'entire_request'] }] },
            { models: 'q/*', send_hooks: [{ name: 'others' }] },
          ],
        },
      },
    ],
  };
  const loaded = loadConfig({ text: JSON.stringify(config), file: 'test.hujson', env: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.fault));
  return explainConfig(loaded.value, { login: 'a@x', node: '', tags: [], groups: [], model: 'm' });
}

test('an explanation names the rules that run, in their order, and those that do not and why', () => {
  const hook = { action: null, sides: [], shadow: false };
  expect(explained().model?.rules).toEqual([
    {
      name: 'audit',
      state: 'in force',
      kind: 'hook',
      ...hook,
      events: ['pre_request', 'entire_request'],
      fail_policy: 'fail_open',
    },
    {
      name: 'quiet',
      state: 'in force',
      kind: 'words',
      action: 'flag',
      sides: ['response'],
      shadow: true,
      events: [],
      fail_policy: 'fail_open',
    },
    {
      name: 'late',
      state: 'in force',
      kind: 'words',
      action: 'block',
      sides: ['request', 'response'],
      shadow: false,
      events: [],
      fail_policy: 'fail_closed',
    },
    { name: 'typo', state: 'unknown', kind: null, ...hook, events: [], fail_policy: null },
    { name: 'off', state: 'disabled', kind: null, ...hook, events: [], fail_policy: null },
    { name: 'nowhere', state: 'unusable', kind: 'hook', ...hook, events: ['pre_request'], fail_policy: 'fail_closed' },
  ]);
});

test('for people it is a line each, and no key is in it', () => {
  const text = explanationText(explained());
  expect(text).toContain(
    [
      'rules and hooks, in the order in which they run:',
      '  audit: hook, on pre_request, entire_request (fail_open)',
      '  quiet: words, flag (shadow: only recorded), looks at response',
      '  late: words, block, looks at request and response',
      '  typo: does not exist, so these requests are refused',
      '  off: switched off',
      '  nowhere: cannot be called as it is configured (fail_closed)',
    ].join('\n'),
  );
  expect(text + JSON.stringify(explained())).not.toContain('canary');
});
