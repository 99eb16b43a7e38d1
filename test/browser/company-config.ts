import type { WorldOptions } from './world.ts';
import { USER } from './organisation.ts';

const APP = 'tailscale.com/cap/aperture';

/** What a company has beside its providers: budgets, rules, a hook and grants that attach them. */
export const COMPANY: WorldOptions = {
  config: {
    quotas: {
      'daily:<user>': { capacity: '$10.00', rate: '$5.00/day', overdraft: ['reserve'] },
      reserve: { capacity: '$200.00', rate: '$200.00/month' },
      'opus:<user>': { capacity: '$5.00', reserve: 'strict', deny_status: 402 },
    },
    hooks: {
      pii: { preference: 20, builtin: { kind: 'personal_data', action: 'redact', detect: ['email', 'iban'] } },
      projects: {
        preference: 10,
        builtin: { kind: 'words', action: 'block', words: ['Nightjar'], message: 'Project names must not leave' },
      },
      limits: { builtin: { kind: 'prompt_size', action: 'flag', max_bytes: '1MiB', shadow: true } },
      review: { url: 'http://127.0.0.1:9/review', fail_policy: 'fail_open', timeout: '500ms' },
      unused: { builtin: { kind: 'secrets', action: 'block' } },
    },
  },
  grants: [
    {
      src: [USER],
      app: {
        [APP]: [
          { models: 'openai/**', quotas: [{ bucket: 'daily:<user>' }], send_hooks: [{ name: 'pii' }] },
          { models: 'anthropic/claude-opus-*', quotas: [{ bucket: 'opus:<user>' }] },
        ],
      },
    },
    {
      src: ['group:research', 'tag:ci'],
      app: {
        [APP]: [
          { role: 'user' },
          {
            models: 'anthropic/*',
            quotas: [{ bucket: 'reserve' }],
            send_hooks: [
              { name: 'pii' },
              { name: 'projects' },
              { name: 'limits' },
              { name: 'review', events: ['pre_request'], send: ['user_message'] },
            ],
          },
          { read_pricing: true, read_captures: false },
        ],
        'example.com/cap/policy': [{ tier: 'gold' }],
      },
    },
  ],
};
