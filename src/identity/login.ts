/** The identity of a request from the machine itself, as Aperture names it. */
export const LOOPBACK_LOGIN = '(loopback)';

/** RFC 5321 allows 254 characters for an address; a login beyond twice that is no login. */
const LOGIN_CHARACTERS = 512;

/**
 * Whether a source outside may name somebody so. The words that grants give a meaning of their own (`*`, `group:…`,
 * `tag:…`, `token:…`, `(loopback)`) are nobody's login, and a comma would mean a list of tags, or a header sent twice.
 */
export function isPlainLogin(login: string): boolean {
  return (
    login.length > 0 &&
    login.length <= LOGIN_CHARACTERS &&
    !/[\s,*()\p{Cc}\p{Cf}]/u.test(login) &&
    !login.startsWith('tag:') &&
    !login.startsWith('group:') &&
    !login.startsWith('token:')
  );
}

/**
 * Whether a gateway-issued token may be called so. The prefix is the token's own: a bearer can never be taken for a
 * person, a device or another source's caller, neither by grants nor by whoever reads records.
 */
export function isTokenLogin(login: string): boolean {
  return /^token:[a-z0-9][a-z0-9._@+-]{0,126}$/.test(login);
}

/** A tag as a tailnet has them. */
export function isTag(tag: string): boolean {
  return /^tag:[A-Za-z][A-Za-z0-9-]{0,126}$/.test(tag);
}
