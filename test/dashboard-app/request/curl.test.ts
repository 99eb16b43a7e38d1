import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { curlOf, sh } from '../../../src/dashboard/app/pages/request/curl/curl.ts';
import type { Asked } from '../../../src/dashboard/app/pages/request/curl/curl.ts';

const asked: Asked = {
  origin: 'https://gw.example',
  id: '0198',
  method: 'POST',
  path: '/v1/messages',
  headers: [
    ['content-type', 'application/json'],
    ['anthropic-version', '2023-06-01'],
  ],
  body: '{"a":1}',
  bodyIsFile: false,
  wasUnpacked: false,
  wantsEvents: false,
};

/** What a program gets as its arguments when a real shell reads the command. */
function argumentsOf(command: string): string[] {
  const out = execFileSync('/bin/sh', ['-c', `curl() { for each; do printf '%s\\0' "$each"; done; }\n${command}`], {
    env: { PATH: '/nowhere' },
  });
  return out.toString('utf8').split('\0').slice(0, -1);
}

test('a shell hands curl what was sent', () => {
  expect(argumentsOf(curlOf(asked).command)).toEqual([
    'https://gw.example/v1/messages',
    '--globoff',
    '--path-as-is',
    '--header',
    'content-type: application/json',
    '--header',
    'anthropic-version: 2023-06-01',
    '--data-raw',
    '{"a":1}',
  ]);
});

describe('bodies that would like to be commands', () => {
  const HOSTILE = [
    `'; touch /tmp/owned; echo '`,
    `'"'"'$(id)\`id\`\\`,
    '@/etc/passwd',
    '-o /tmp/owned',
    '!!\n!$ \\\n$HOME ~ * ? [a] {b,c} # ; & | < >',
    "''''\\''",
    'ünïcödé 😀 \t',
  ];
  test.each(HOSTILE)('%j arrives as it was', (body) => {
    const given = argumentsOf(curlOf({ ...asked, body }).command);
    expect(given.at(-2)).toBe('--data-raw');
    expect(given.at(-1)).toBe(body);
    expect(argumentsOf(`curl ${sh(body)}`)).toEqual([body]);
  });

  test.each(['\u001b[201~rm -rf ~', 'a\u0003b', 'a\rb', 'x\u202ey', 'z\u200bz', 'bad \ufffd', '\ud800'])(
    '%j goes by a file: a terminal would read it too',
    (body) => {
      const { command, file } = curlOf({ ...asked, body });
      expect(file).toBe('request-0198');
      expect(argumentsOf(command).slice(-2)).toEqual(['--data-binary', '@request-0198']);
      expect(command).not.toContain(body);
    },
  );

  test('a body too large for an argument goes by a file', () => {
    expect(curlOf({ ...asked, body: 'x'.repeat(100_001) }).file).toBe('request-0198');
    expect(curlOf({ ...asked, body: 'é'.repeat(60_000) }).file).toBe('request-0198');
    expect(curlOf({ ...asked, body: '', bodyIsFile: true }).file).toBe('request-0198');
  });
});

test('no credential leaves, and nothing of the connection or of who the caller was', () => {
  const { command, credentials } = curlOf({
    ...asked,
    headers: [
      ['authorization', 'Bearer sk-real'],
      ['x-api-key', '[redacted]'],
      ['x-custom', 'token=[redacted]'],
      ['cookie', 'a=b'],
      ['tailscale-user-login', 'ada@example.com'],
      ['x-forwarded-for', '1.2.3.4'],
      ['host', 'gw'],
      ['content-length', '7'],
      ['accept-encoding', 'gzip'],
      ['@/etc/passwd', 'x'],
      ['x-strange', 'a\u001b[31m'],
      ['x-empty', ''],
      ["x-quote'", "it's"],
    ],
  });
  expect(argumentsOf(command).filter((each) => each.startsWith('x-') || each.includes(': '))).toEqual([
    'x-empty;',
    "x-quote': it's",
  ]);
  expect(command).not.toMatch(/sk-real|redacted|ada@|1\.2\.3\.4|passwd/);
  expect(credentials).toEqual(['authorization', 'cookie', 'x-api-key', 'x-custom']);
});

test('other methods, no body, and events of Gemini', () => {
  expect(argumentsOf(curlOf({ ...asked, method: 'GET', body: null, headers: [] }).command)).toEqual([
    'https://gw.example/v1/messages',
    '--globoff',
    '--path-as-is',
    '--request',
    'GET',
  ]);
  const path = '/v1beta/models/g:streamGenerateContent';
  const streamed = argumentsOf(curlOf({ ...asked, path, wantsEvents: true }).command);
  expect(streamed[0]).toBe('https://gw.example/v1beta/models/g:streamGenerateContent?alt=sse');
  expect(streamed.at(-1)).toBe('--no-buffer');
  const unpacked = { ...asked, wasUnpacked: true, headers: [['content-encoding', 'gzip']] as [string, string][] };
  expect(curlOf(unpacked).command).not.toContain('content-encoding');
});
