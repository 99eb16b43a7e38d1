import type { Caller } from '../contract/caller.ts';

/** A word of `src` as callers' words are compared with it: joined tags in the order that a device's login has them. */
export function sourceWord(src: string): string {
  if (!src.startsWith('tag:') || !src.includes(',')) return src;
  const tags = src.split(',').map((tag) => tag.trim());
  return [...new Set(tags)].sort().join(',');
}

/**
 * The words of `src` that mean this caller. A login is never read as a tag, a group or loopback: what kind a word is
 * of, the identity's source decides, not its spelling.
 */
export function wordsOf(caller: Caller): string[] {
  const words = ['*'];
  if (caller.source === 'loopback') words.push('(loopback)');
  else if (caller.source === 'token') words.push(...tokenWords(caller));
  else if (caller.tags.length > 0) words.push(...caller.tags, caller.login);
  else if (!/^(?:tag:|group:|token:|\(|\*)/.test(caller.login)) words.push(caller.login);
  for (const group of caller.groups) {
    words.push(group.startsWith('group:') ? group : `group:${group}`);
    // A synced group may be written by its e-mail address; only the tailnet tells those apart from a person's.
    if (caller.source === 'tailscale' && group.includes('@') && !group.startsWith('group:')) words.push(group);
  }
  return words;
}

/**
 * A token is meant by its own login (`token:…`) and by the tags that an admin gave it, as a tagged device is. Never by a
 * person's login, whatever the store says: a grant to somebody is not one to all that carries their name.
 */
function tokenWords({ login, tags }: Caller): string[] {
  const own = login.startsWith('token:') ? [login] : [];
  return tags.length > 0 ? [...own, ...tags, [...tags].sort().join(',')] : own;
}
