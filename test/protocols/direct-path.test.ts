import { describe, expect, test } from 'vitest';
import { directPath, leadsToOurs } from '../../src/protocols/direct/path.ts';

/** A grant that lists `v1/jobs/**` must open nothing else, however it is written. */
describe('a path that some server could read as another one is none', () => {
  test.each([
    ['no slash first', 'v1/jobs'],
    ['nothing', ''],
    ['an empty segment', '/v1//jobs'],
    ['a host', '//evil.example/v1/jobs'],
    ['dots', '/v1/jobs/../files'],
    ['a dot', '/v1/./jobs'],
    ['dots at the end', '/v1/jobs/..'],
    ['encoded dots', '/v1/jobs/%2e%2e/files'],
    ['half encoded dots', '/v1/jobs/.%2E/files'],
    ['dots encoded twice', '/v1/jobs/%252e%252e/files'],
    ['dots encoded thrice', '/v1/jobs/%25252e%25252e/files'],
    ['an encoded slash', '/v1/jobs/..%2ffiles'],
    ['a slash encoded twice', '/v1/jobs%252ffiles'],
    ['a backslash', '/v1/jobs\\..\\files'],
    ['an encoded backslash', '/v1/jobs%5c..%5Cfiles'],
    ['a parameter', '/v1/jobs;x=1'],
    ['dots with a parameter', '/v1/jobs/..;/files'],
    ['an encoded parameter', '/v1/jobs%3bx'],
    ['a query in the path', '/v1/jobs%3fx'],
    ['a fragment in the path', '/v1/jobs%23x'],
    ['a fragment', '/v1/jobs#x'],
    ['NUL', '/v1/jobs%00'],
    ['a line feed', '/v1/jobs%0a/files'],
    ['DEL', '/v1/jobs%7F'],
    ['a trailing dot', '/v1/jobs.'],
    ['an encoded trailing dot', '/v1/jobs%2e'],
    ['many dots', '/v1/.../jobs'],
    ['a trailing space', '/v1/jobs%20'],
    ['a leading space', '/v1/%20jobs'],
    ['white space', '/v1/jobs /x'],
    ['a cut escape', '/v1/jobs%2'],
    ['no escape', '/v1/jobs%zz'],
    ['Latin-1', '/v1/jobs%FF'],
    ['a dot in too many bytes', '/v1/jobs/%C0%AE%C0%AE/files'],
    ['a slash in too many bytes', '/v1/jobs%C0%AFfiles'],
    ['half a pair', '/v1/jobs%ED%A0%80'],
    ['wide dots', '/v1/jobs/%EF%BC%8E%EF%BC%8E/files'],
    ['a wide slash', '/v1/jobs%EF%BC%8Ffiles'],
    ['a wide letter', '/v1/%EF%BD%8Aobs'],
    ['a ligature', '/v1/%EF%AC%81les'],
    ['a space of no width', '/v1/jo%E2%80%8Bbs'],
    ['a space that does not break', '/v1/jo%C2%A0bs'],
    ['right to left', '/v1/%E2%80%AEsboj'],
    ['a mark apart from its letter', '/v1/jobs/e%CC%81'],
  ])('%s', (_what, path) => {
    expect(directPath(path)).toBeUndefined();
  });
});

test.each([
  ['/v1/jobs', ['v1', 'jobs'], '/v1/jobs'],
  ['/v1/jobs/', ['v1', 'jobs', ''], '/v1/jobs/'],
  // What needs no encoding loses it: the path that is judged is the path that is sent.
  ['/v1/%6A%6fbs', ['v1', 'jobs'], '/v1/jobs'],
  ['/v1/jobs%2Ejson', ['v1', 'jobs.json'], '/v1/jobs.json'],
  ['/v1/.well-known/x', ['v1', '.well-known', 'x'], '/v1/.well-known/x'],
  // What may mean something stays as the client wrote it.
  ['/v1/models/a:predict', ['v1', 'models', 'a:predict'], '/v1/models/a:predict'],
  ['/v1/models/a%3apredict', ['v1', 'models', 'a:predict'], '/v1/models/a%3Apredict'],
  ['/v1/a%20b', ['v1', 'a b'], '/v1/a%20b'],
  ['/v1/a+b%2Bc', ['v1', 'a+b+c'], '/v1/a+b%2Bc'],
  ['/v1/caf%c3%a9', ['v1', 'café'], '/v1/caf%C3%A9'],
  ['/V1/Jobs', ['V1', 'Jobs'], '/V1/Jobs'],
])('%s is judged as %j and sent as %s', (given, segments, path) => {
  expect(directPath(given)).toEqual({ path, segments });
});

describe('what grants give by the model or the owner is reached by no other path', () => {
  test.each([
    '/v1/chat/completions',
    '/v1/chat/completions/',
    '/V1/Chat/Completions',
    '/v1beta/openai/chat/completions',
    '/openai/deployments/gpt/chat/completions',
    '/openai/deployments/gpt/embeddings',
    '/v1/engines/davinci/completions',
    '/api/paas/v4/responses',
    '/anthropic/v1/messages',
    '/v3/messages',
    '/v1/messages/batches/',
    '/v1/files',
    '/v1/files/file-1/content',
    '/v1/FILES/file-1',
    '/proxy/v1/batches',
    '/v1/models',
    '/v1beta/models/gemini:generateContent',
    '/v1beta/models/gemini:GENERATECONTENT',
    '/v9/projects/p/locations/l/publishers/google/models/m:streamGenerateContent',
    '/v1/cachedContents',
    '/upload/v1beta/files',
    '/model/m/converse',
    '/bedrock/model/m/invoke/',
    '/v2/rerank',
    '/api/rerank',
    '/v1/moderations',
  ])('%s', (path) => {
    expect(leadsToOurs(path)).toBe(true);
  });

  test.each([
    '/v1/fine_tuning/jobs',
    '/v1/fine_tuning/jobs/ftjob-1/events',
    '/v1/threads/t/messages',
    '/v1beta/models/imagen-4:predict',
    '/v1/audio/voices',
    '/anything',
    '/',
  ])('%s is none of them', (path) => {
    expect(leadsToOurs(path)).toBe(false);
  });
});
