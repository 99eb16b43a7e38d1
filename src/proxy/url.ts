import { Lru } from '../lib/lru.ts';
import { assert } from '../lib/result.ts';

export interface UpstreamTarget {
  /** Scheme, host and port of the base URL, and of nothing else. */
  origin: string;
  /** As the `host` header has it. */
  host: string;
  /** Path and query of the request line. */
  path: string;
}

/** `v1`, `v1beta`, `v2alpha1`: what both a base URL's end and a client's path can begin with. */
const VERSION = /^v\d+(?:(?:alpha|beta)\d*)?$/;

/** From the root, and not `//`, behind which a host would stand; without what would end a path or be read as a slash. */
const PATH = /^\/(?!\/)[^?#\\\s]*$/;
/** Neither a space, a control nor a byte beyond ASCII stands in a request line, and no fragment. */
const NOT_OF_A_LINE = /[^!-~]|#/gu;

/** What nearly every path and query is. */
const OF_A_LINE = /^[!"$-~]*$/;

/**
 * A dot segment in any spelling that some server would undo: encoded (once or more), after a slash, backslash or their
 * encodings, with a path parameter behind it.
 */
const DOT_SEGMENT = /(?:^|[/\\]|%(?:25)*(?:2f|5c))(?:\.|%(?:25)*2e){1,2}(?=$|[/\\;?]|%(?:25)*(?:2f|5c|3b))/i;

/**
 * The provider's base URL with the client's path behind it. The origin is the base URL's whatever the path holds, and
 * the path cannot leave the base URL's own: paths that try were refused at the door, so here they are a bug. A version
 * that both the base URL ends in and the path begins with stands once (aperture.md, section 3.2). Takes the path as it
 * came and the query without `?`.
 */
export function upstreamUrl(baseUrl: string, path: string, query: string): UpstreamTarget {
  assert(isPlainPath(path), 'the path was judged at the door');
  const { origin, host, prefix } = baseOf(baseUrl);
  const joined = prefix + encoded(withoutDoubledVersion(prefix, path));
  const search = encoded(query);
  return { origin, host, path: search === '' ? joined : `${joined}?${search}` };
}

interface Base {
  origin: string;
  host: string;
  /** Of paths, without a slash at its end. */
  prefix: string;
}

/** Base URLs that are known as they are read: as many as a large config has providers. */
const bases = new Lru<string, Base>(1_024);

function baseOf(baseUrl: string): Base {
  const known = bases.get(baseUrl);
  if (known !== undefined) return known;
  const { origin, host, pathname } = new URL(baseUrl);
  const base = { origin, host, prefix: pathname.endsWith('/') ? pathname.slice(0, -1) : pathname };
  bases.set(baseUrl, base);
  return base;
}

/** Whether a path may be sent on as it is: it says nothing that another server would read as another path. */
export function isPlainPath(path: string): boolean {
  return PATH.test(path) && !DOT_SEGMENT.test(path);
}

function withoutDoubledVersion(prefix: string, path: string): string {
  const last = prefix.slice(prefix.lastIndexOf('/') + 1);
  if (!VERSION.test(last)) return path;
  const doubled = `/${last}`;
  if (path === doubled) return '';
  return path.startsWith(`${doubled}/`) ? path.slice(doubled.length) : path;
}

/** As it came, but for what may not stand in a request line. */
function encoded(text: string): string {
  if (OF_A_LINE.test(text)) return text;
  return text.replace(NOT_OF_A_LINE, (character) => {
    const bytes = Array.from(Buffer.from(character, 'utf8'), (byte) =>
      byte.toString(16).padStart(2, '0').toUpperCase(),
    );
    return `%${bytes.join('%')}`;
  });
}
