/** The identity of a request from the machine itself, as Aperture names it. */
export const LOOPBACK_LOGIN = '(loopback)';

/** RFC 5321 allows 254 characters for an address; a login beyond twice that is no login. */
const LOGIN_CHARACTERS = 512;

/**
 * Whether a source outside may name somebody so. The words that grants give a meaning of their own (`*`, `group:…`,
 * `tag:…`, `(loopback)`) are nobody's login, and a comma would mean a list of tags, or a header sent twice.
 */
export function isPlainLogin(login: string): boolean {
  return (
    login.length > 0 &&
    login.length <= LOGIN_CHARACTERS &&
    !/[\s,*()\p{Cc}\p{Cf}]/u.test(login) &&
    !login.startsWith('tag:') &&
    !login.startsWith('group:')
  );
}
