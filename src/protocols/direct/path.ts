import { isDoubtful, matchEndpoint } from '../registry.ts';

/** A path in the one spelling in which it is judged and sent. */
export interface DirectPath {
  /** Encoded, as the client wrote it, but that what needs no encoding has none. */
  path: string;
  /** Decoded. Never with a slash in it. */
  segments: readonly string[];
}

/** What some server takes for the end of a path, where it decodes too early. */
const ENCODED_END = /%(?:3F|23)/i;
const ENCODED = /%([0-9A-Fa-f]{2})/g;
const NEEDS_NO_ENCODING = /[\w.~-]/;
/** Of a segment, at its end: Windows' servers leave them out. */
const LEFT_OUT = /[. ]$|^ /;
/** Characters without a picture, which may vanish on the way; a space within a name is one. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;

/**
 * A path that no protocol of ours knows, made ready to be compared. Undefined for every path that any server on the way
 * could read as another one: with segments that are empty, dots, or end in a dot; with slashes, backslashes, `;`, `?`, `#`
 * and control characters however they are encoded; encoded twice, or not as UTF-8; with letters that stand for others.
 */
export function directPath(path: string): DirectPath | undefined {
  if (!path.startsWith('/') || isDoubtful(path) || ENCODED_END.test(path)) return undefined;
  const spelled = path.replace(ENCODED, (whole: string, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return NEEDS_NO_ENCODING.test(character) ? character : whole.toUpperCase();
  });
  const segments: string[] = [];
  for (const segment of spelled.slice(1).split('/')) {
    const text = decoded(segment);
    if (text === undefined || LEFT_OUT.test(text) || UNSEEN.test(text) || text.normalize('NFKC') !== text)
      return undefined;
    segments.push(text);
  }
  return { path: spelled, segments };
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    // Not UTF-8.
    return undefined;
  }
}

/** Of APIs that answer from a model, under whatever prefix: deployments, engines, accounts. */
const OF_A_MODEL = /\/(?:completions|embeddings|responses|rerank|moderations)$/;
/** Paths of ours that have capital letters, without them. */
const OF_GOOGLE = /(?:generatecontent|rawpredict|counttokens|embedcontents?)$|\/cachedcontents(?:\/|$)/;
const VERSION = /\/v\d+(?:(?:alpha|beta)\d*)?(?=\/|$)/g;

/**
 * Whether a path at a provider leads to what grants give by the model or by its owner: it would be reached without them. As
 * a server would read it that looks at neither case nor a last slash, below whatever prefix, in whatever version.
 *
 * @param upstream the path at the provider, its base URL's with it.
 */
export function leadsToOurs(upstream: string): boolean {
  const plain = upstream.replace(/\/$/, '');
  const folded = plain.toLowerCase();
  if (OF_A_MODEL.test(folded) || OF_GOOGLE.test(folded)) return true;
  return [plain, folded, folded.replace(VERSION, '/v1')].some((path) => suffixesOf(path).some(isOurs));
}

/** `/a/b/c`, `/b/c`, `/c`. */
function suffixesOf(path: string): string[] {
  const suffixes: string[] = [];
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) suffixes.push(path.slice(at));
  return suffixes;
}

function isOurs(path: string): boolean {
  return matchEndpoint('POST', path, '', () => undefined).kind !== 'unknown';
}
