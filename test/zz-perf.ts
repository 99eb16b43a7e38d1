import { textDetector } from '../src/guardrails/text-detector.ts';
const common = { sides: ['request' as const], shadow: false, message: '', statusCode: 403, action: 'redact' as const, thinking: false };
const D: Record<string, ReturnType<typeof textDetector>> = {
all: textDetector({ kind: 'personal_data', detect: ['email','phone','iban','card','national_id','ip_address'], names: [], ...common }),
secrets: textDetector({ kind: 'secrets', detect: ['provider_key','cloud_key','private_key','jwt'], ...common }),
names: textDetector({ kind: 'personal_data', detect: ['name'], names: ['John Smith'], ...common }),
words: textDetector({ kind: 'words', words: Array.from({length:1000},(_,i)=>'word'+i), caseSensitive: false, wholeWords: true, ...common }),
};
for (const k of ['email','phone','iban','card','national_id','ip_address'] as const) D[k] = textDetector({ kind: 'personal_data', detect: [k], names: [], ...common });
for (const k of ['provider_key','cloud_key','private_key','jwt'] as const) D[k] = textDetector({ kind: 'secrets', detect: [k], ...common });
const prose = ('The quick brown fox jumps over the lazy dog, 12 times; const x = foo(bar, 3) // see RFC 2119 at 2024-01-01 by a@b. ').repeat(10);
const only = process.argv[2];
const big = prose.repeat(Math.ceil(1e6 / prose.length)).slice(0, 1e6);
for (const [n, d] of Object.entries(D)) { if (only && n !== only) continue; const ts = []; for (let i = 0; i < 7; i++) { const t = performance.now(); d.find(big, 0, true); ts.push(performance.now() - t); } const t = performance.now(); for (let k = 0; k < 100; k++) d.find(big.slice(0, 4096), 0, true); console.log(n.padEnd(14), '1MB', Math.min(...ts).toFixed(1), '4KB', ((performance.now() - t) / 100).toFixed(3)); }
