import type { Caller } from '../contract/caller.ts';
import type { Revocation, RevocationKind, TokenEntry } from '../contract/control.ts';

/** One thing of a request that a revocation can name: its kind, a blank, its value. */
export type Subject = string;

export function subjectOf(kind: RevocationKind, value: string): Subject {
  return `${kind} ${value}`;
}

/**
 * What a caller can be revoked by: login, each tag of a tagged one, device, token; and login, tags and device that a
 * token came by, so that a stolen machine is shut out whatever tokens are on it.
 */
export function callerSubjects({ login, nodeId, tags, source, network }: Caller): Subject[] {
  const subjects = [subjectOf('login', login)];
  for (const tag of tags) if (tag !== login) subjects.push(subjectOf('login', tag));
  // Records show a token's id where others have their device's.
  if (nodeId !== '') subjects.push(subjectOf('node', nodeId));
  if (source === 'token') subjects.push(subjectOf('token', nodeId));
  if (network === undefined) return subjects;
  subjects.push(subjectOf('login', network.login));
  for (const tag of network.tags) if (tag !== network.login) subjects.push(subjectOf('login', tag));
  if (network.nodeId !== '') subjects.push(subjectOf('node', network.nodeId));
  return subjects;
}

/** A model, by its name alone and with its provider's. */
export function modelSubjects(provider: string, models: readonly string[]): Subject[] {
  const subjects: Subject[] = [];
  for (const model of new Set(models)) {
    subjects.push(subjectOf('model', model), subjectOf('model', `${provider}/${model}`));
  }
  return subjects;
}

/** A token that was revoked for good ends what runs with it, like a revocation of its id. */
export function revokedTokens(tokens: readonly TokenEntry[]): Revocation[] {
  return tokens.flatMap(({ id, revokedAtMs }) =>
    revokedAtMs === null
      ? []
      : [{ id, kind: 'token', value: id, reason: '', by: '', createdAtMs: revokedAtMs, untilMs: null }],
  );
}

/** Revocations by what they name; each lookup judges by the time given, so that one that ran out means nothing. */
export class RevocationSet {
  readonly #bySubject = new Map<Subject, Revocation[]>();

  constructor(revocations: readonly Revocation[]) {
    for (const revocation of revocations) {
      const subject = subjectOf(revocation.kind, revocation.value);
      const list = this.#bySubject.get(subject);
      if (list === undefined) this.#bySubject.set(subject, [revocation]);
      else list.push(revocation);
    }
  }

  /** The first that holds now and names one of the subjects. */
  find(subjects: readonly Subject[], nowMs: number): Revocation | undefined {
    if (this.#bySubject.size === 0) return undefined;
    for (const subject of subjects) {
      const found = this.#bySubject.get(subject)?.find((revocation) => holds(revocation, nowMs));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** One revocation for each subject that is revoked now. */
  inForce(nowMs: number): [Subject, Revocation][] {
    const found: [Subject, Revocation][] = [];
    for (const [subject, list] of this.#bySubject) {
      const holding = list.find((revocation) => holds(revocation, nowMs));
      if (holding !== undefined) found.push([subject, holding]);
    }
    return found;
  }
}

function holds({ untilMs }: Revocation, nowMs: number): boolean {
  return untilMs === null || nowMs < untilMs;
}
