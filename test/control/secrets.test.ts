import fc from 'fast-check';
import { expect, test } from 'vitest';
import { configDiff } from '../../src/control/diff.ts';
import { Sealer } from '../../src/control/sealing.ts';
import type { SealedSecret } from '../../src/control/sealing.ts';
import { openSecrets, sealText } from '../../src/control/secrets.ts';

const KEY = 'sk-ant-api03-CaNaRy-0123456789abcdef';
const sealer = new Sealer(Buffer.alloc(32, 7));

function vault(...secrets: SealedSecret[]): Map<string, SealedSecret> {
  return new Map(secrets.map((secret) => [secret.reference, secret]));
}

function provider(baseurl: string, apikey: string): unknown {
  return { providers: { anthropic: { baseurl, apikey } } };
}

function sealedProvider(): { reference: string; secrets: Map<string, SealedSecret> } {
  const { secrets } = sealText(JSON.stringify(provider('https://api.anthropic.com/x', KEY)), sealer);
  const [sealed] = secrets;
  if (sealed === undefined) throw new Error('nothing was sealed');
  return { reference: sealed.reference, secrets: vault(sealed) };
}

test('a reference says whose key it is and how it begins, and the same key has the same one', () => {
  const { reference } = sealedProvider();
  expect(reference).toMatch(/^keyid:p:anthropic:sk-ant-a:[0-9a-f]{12}$/);
  expect(sealedProvider().reference).toBe(reference);
});

test('of a short key next to nothing is shown', () => {
  const { text } = sealText(JSON.stringify(provider('http://x', 'swordfish')), sealer);
  expect(text).toContain('keyid:p:anthropic:sw:');
  expect(text).not.toContain('swo');
});

test('keys become references and back; comments, order and blanks stay byte for byte', () => {
  const text = `\uFEFF// head\r\n{ /* a */ "providers": {\t"anthropic": {"baseurl":"https://api.anthropic.com",
      "apikey" :  "${KEY}" , // the key
      "models": ["m",], }, }, "grants": [ ] , }\r\n\r\n`;
  const sealed = sealText(text, sealer);
  const [secret] = sealed.secrets;
  expect(sealed.text).toBe(text.replace(KEY, secret?.reference ?? ''));
  expect(JSON.stringify(sealed)).not.toContain('CaNaRy');
  const value = provider('https://api.anthropic.com', secret?.reference ?? '');
  expect(openSecrets(value, vault(...sealed.secrets), sealer)).toEqual({
    value: provider('https://api.anthropic.com', KEY),
    faults: [],
  });
});

test.each([
  ['hooks', { hooks: { audit: { url: 'https://h.example', apikey: KEY } } }, 'keyid:h:audit:'],
  ['s3', { exporters: { s3: { access_key_id: 'AKIA', access_secret: KEY } } }, 'keyid:s3:s3:'],
  ['webhooks', { exporters: { webhooks: { siem: { url: 'https://w.example', secret: KEY } } } }, 'keyid:w:siem:'],
  [
    'what a receiver of events asks for',
    { exporters: { webhooks: { hec: { url: 'https://w.example', authorization: `Splunk ${KEY}` } } } },
    'Splunk keyid:w:hec:sk-ant-a:',
  ],
  [
    'new and old secrets of a webhook',
    { exporters: { webhooks: { siem: { url: 'https://w.example', secret: [`${KEY}-new`, KEY] } } } },
    'keyid:w:siem:sk-ant-a:',
  ],
  [
    'headers of a receiver of telemetry',
    { exporters: { otlp: { main: { endpoint: 'https://o.example', headers: { 'x-team': KEY } } } } },
    'keyid:o:main:sk-ant-a:',
  ],
  [
    'the same behind a scheme',
    { exporters: { otlp: { main: { endpoint: 'https://o.example', headers: { Authorization: `Basic ${KEY}` } } } } },
    'Basic keyid:o:main:sk-ant-a:',
  ],
  [
    'connectors',
    { connectors: { servers: { gh: { url: 'https://c.example', auth: { type: 'api_key', secret: KEY } } } } },
    'keyid:c:gh:',
  ],
  [
    'a list of rotated secrets',
    { exporters: { webhooks: { siem: { url: 'https://w.example', secrets: ['x', KEY] } } } },
    'keyid:w:siem:sk-ant-a:',
  ],
  [
    'headers that are credentials',
    { providers: { p: { baseurl: 'http://x', add_headers: ['X-Team: research', `X-Team-Token: ${KEY}`] } } },
    'X-Team-Token: keyid:p:p:sk-ant-a:',
  ],
  ['mcp servers', { mcp: { servers: { m: { url: 'http://m.example', token: KEY } } } }, 'keyid:m:m:'],
])('keys of %s are sealed and opened', (_, config, reference) => {
  const sealed = sealText(JSON.stringify(config), sealer);
  expect(sealed.text).toContain(`"${reference}`);
  expect(sealed.text).not.toContain('CaNaRy');
  const opened = openSecrets(JSON.parse(sealed.text), vault(...sealed.secrets), sealer);
  expect(opened).toEqual({ value: config, faults: [] });
});

test('a scheme before a variable is no key and stays', () => {
  const text = JSON.stringify({
    exporters: { webhooks: { hec: { url: 'https://w.example', authorization: 'Splunk ${HEC_TOKEN}' } } },
  });
  expect(sealText(text, sealer)).toEqual({ text, secrets: [], misplaced: [] });
});

test.each(['${ANTHROPIC_API_KEY}', '${ANTHROPIC_API_KEY:-}', '', ' '])('%j is no key and stays', (apikey) => {
  const text = JSON.stringify(provider('http://x', apikey));
  expect(sealText(text, sealer)).toEqual({ text, secrets: [], misplaced: [] });
});

test('a key that is the default of a macro is sealed with it', () => {
  const { text, secrets } = sealText(JSON.stringify(provider('http://x', '${NAME:-' + KEY + '}')), sealer);
  expect(text).not.toContain('CaNaRy');
  expect(secrets).toHaveLength(1);
});

test('of a member that is written twice both keys are sealed', () => {
  const text = `{"providers": {"p": {"apikey": "${KEY}", "apikey": "${KEY}2"}, "p": {"apikey": "${KEY}3"}}}`;
  const sealed = sealText(text, sealer);
  expect(sealed.secrets).toHaveLength(3);
  expect(sealed.text).not.toContain('CaNaRy');
});

test('a key that stands in a comment too is told, with its line', () => {
  const text = `{"providers": {"p": {"baseurl": "http://x",\n"apikey": "${KEY}"}},\n// was ${KEY}\n}`;
  expect(sealText(text, sealer).misplaced).toEqual([
    {
      path: ['providers', 'p', 'apikey'],
      message: 'this key stands in the text a second time, on line 3: take it out there',
    },
  ]);
});

test('a key cannot be sent to another origin than it was given for', () => {
  const { reference, secrets } = sealedProvider();
  const path = ['providers', 'anthropic', 'apikey'];
  const message = 'this key was given for another baseurl than the one it would now be sent to: write the key again';
  for (const baseurl of [
    'https://evil.example',
    'http://api.anthropic.com',
    'https://api.anthropic.com:8443',
    'https://api.anthropic.com@evil.example',
    '${BASE:-https://evil.example}',
    '',
  ]) {
    const opened = openSecrets(provider(baseurl, reference), secrets, sealer);
    expect(opened, baseurl).toEqual({ value: provider(baseurl, ''), faults: [{ path, message }] });
  }
  // Another path of the same origin is the same owner.
  const moved = openSecrets(provider('https://API.anthropic.com/v2', reference), secrets, sealer);
  expect(moved.faults).toEqual([]);
});

test('a reference cannot be moved to another owner', () => {
  const { reference, secrets } = sealedProvider();
  const value = { providers: { other: { baseurl: 'https://api.anthropic.com', apikey: reference } } };
  expect(openSecrets(value, secrets, sealer).faults).toEqual([
    {
      path: ['providers', 'other', 'apikey'],
      message: 'this reference belongs to another setting and cannot be moved: write the key itself',
    },
  ]);
});

test('a row that was tampered with does not open', () => {
  const { reference, secrets } = sealedProvider();
  const sealed = secrets.get(reference);
  if (sealed === undefined) throw new Error('nothing was sealed');
  const stolen = { ...sealed, destination: 'https://evil.example' };
  const value = provider('https://evil.example', reference);
  const { faults } = openSecrets(value, vault(stolen), sealer);
  expect(faults[0]?.message).toContain('sealed with another secret key');
});

test('unknown references and those of another secret key are told apart', () => {
  const { reference, secrets } = sealedProvider();
  const value = provider('https://api.anthropic.com', reference);
  expect(openSecrets(value, new Map(), sealer).faults[0]?.message).toBe(
    'this reference names no stored key: write the key itself',
  );
  const other = new Sealer(Buffer.alloc(32, 8));
  expect(openSecrets(value, secrets, other).faults[0]?.message).toContain('APERTURE_SECRET_KEY_FILE');
});

test('any key comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (secret) => {
      const sealed = sealer.seal({ kind: 'p', owner: 'o', place: 'here', destination: 'there', secret });
      expect(sealer.open(sealed)).toBe(secret);
      expect(sealer.open({ ...sealed, place: 'elsewhere' })).toBeUndefined();
    }),
  );
});

test('a diff is unified, names the versions and shows what changed', () => {
  const before = { name: 'version 1', text: '{\n  "a": 1, // why\n}\n' };
  expect(configDiff(before, { name: 'version 2', text: '{\n  "a": 2, // why\n}\n' })).toBe(
    '--- version 1\n+++ version 2\n@@ -1,3 +1,3 @@\n {\n-  "a": 1, // why\n+  "a": 2, // why\n }\n',
  );
  expect(configDiff(before, { ...before, name: 'version 2' })).toBe('');
});
