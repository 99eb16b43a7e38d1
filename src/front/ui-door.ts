import type { Fault } from '../contract/fault.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { ClientRequest, ClientResponse } from './socket.ts';

/** One file of the dashboard, in memory: as it is, and compressed. */
export interface UiFile {
  /** Value of `content-type`. */
  type: string;
  /** Quoted, of the content. */
  etag: string;
  plain: Uint8Array;
  gzip: Uint8Array | undefined;
  brotli: Uint8Array | undefined;
  /** Its name has a hash of its content. */
  immutable: boolean;
}

/** Files by the path behind `/ui/`; the page itself is `index.html`. */
export type UiFiles = ReadonlyMap<string, UiFile>;

const SHELL = 'index.html';

/**
 * Nothing from elsewhere, nothing inline, no frame around it and nowhere to send a form. What a model wrote may be shown
 * on these pages: whatever gets past the escaping still runs nothing and reaches nobody. `data:` is for images that a
 * conversation has.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  // The one that names the reader's worker (pages/request/reader).
  'trusted-types aperture-worker',
].join('; ');

const GUARDS: [string, string][] = [
  ['content-security-policy', POLICY],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
];

const YEAR = 'public, max-age=31536000, immutable';

/** Aperture's own paths for its pages. `/chat/completions` is none of them. */
const MOVED = /^\/(?:admin(?:\/.*)?|chat)$/;
const CHAT = '/chat';

const PAGES = '/ui/';
const CHAT_PAGE = '/ui/playground';

export function isUiPath(path: string): boolean {
  return path === '/ui' || path.startsWith('/ui/') || MOVED.test(path);
}

/** A browser that somebody points at the gateway wants the pages; a client that looks whether it is there does not. */
export function isBrowserAtRoot(request: ClientRequest): boolean {
  return request.method === 'GET' && request.path === '/' && (request.header('accept') ?? '').includes('text/html');
}

/**
 * The pages, to everybody whose Host is allowed: they are the same for all and say nothing about anybody. What they show
 * they ask of the API, as whoever looks at them; who may not is told so there.
 */
export function answerUi(files: UiFiles, request: ClientRequest, response: ClientResponse): Result<void, Fault> {
  const { method, path } = request;
  if (method !== 'GET' && method !== 'HEAD') {
    return failed({ code: 'method_not_allowed', method, path: path.slice(0, 255), allow: 'GET, HEAD' });
  }
  if (!path.startsWith('/ui/')) {
    leadToPages(response, GUARDS, path === CHAT ? CHAT_PAGE : PAGES);
    return ok(undefined);
  }
  const file = fileAt(files, path.slice('/ui/'.length));
  if (file === undefined) return failed({ code: 'path_unknown', method, path: path.slice(0, 255) });
  const headers: [string, string][] = [
    ['content-type', file.type],
    ['etag', file.etag],
    ['cache-control', file.immutable ? YEAR : 'no-cache'],
    ['vary', 'accept-encoding'],
    ...GUARDS,
  ];
  if (request.header('if-none-match') === file.etag) {
    response.send(304, headers, '');
    return ok(undefined);
  }
  const { encoding, bytes } = encoded(file, request.header('accept-encoding') ?? '');
  response.send(200, encoding === undefined ? headers : [...headers, ['content-encoding', encoding]], bytes);
  return ok(undefined);
}

export function leadToPages(response: ClientResponse, more: readonly [string, string][], to = PAGES): void {
  response.send(302, [['location', to], ['cache-control', 'no-store'], ...more], '');
}

/** A path without a dot in its last part is one of the page's own views. */
function fileAt(files: UiFiles, name: string): UiFile | undefined {
  const isView = !name.startsWith('assets/') && !(name.split('/').at(-1) ?? '').includes('.');
  return files.get(isView ? SHELL : name);
}

function encoded(file: UiFile, accepted: string): { encoding: string | undefined; bytes: Uint8Array } {
  if (file.brotli !== undefined && /\bbr\b/.test(accepted)) return { encoding: 'br', bytes: file.brotli };
  if (file.gzip !== undefined && /\bgzip\b/.test(accepted)) return { encoding: 'gzip', bytes: file.gzip };
  return { encoding: undefined, bytes: file.plain };
}
