import type { Holding } from '../contract/holding.ts';
import type { NamedResource } from '../contract/resource.ts';
import { Lru } from '../lib/lru.ts';
import { keyOf } from './key.ts';

/** Who deleted something, where, and when. */
interface Deletion {
  login: string;
  provider: string;
  atMs: number;
}

/**
 * What was deleted through here: its record may be still on its way to the database, which then knows of the making alone.
 * The oldest are forgotten, when the database has long known.
 */
export class Deletions {
  readonly #byKey: Lru<string, readonly Deletion[]>;

  constructor(capacity: number) {
    this.#byKey = new Lru(capacity);
  }

  get size(): number {
    return this.#byKey.size;
  }

  add(resource: NamedResource, deletion: Deletion): void {
    this.#byKey.set(keyOf(resource), [deletion, ...this.#without(resource, deletion)]);
  }

  /** It was made again. */
  remove(resource: NamedResource, holder: Pick<Deletion, 'login' | 'provider'>): void {
    const left = this.#without(resource, holder);
    if (left.length === 0) this.#byKey.delete(keyOf(resource));
    else this.#byKey.set(keyOf(resource), left);
  }

  /** Whether it is gone that was made then: another gateway may have made it again since. */
  has(resource: NamedResource, { login, provider }: Pick<Holding, 'login' | 'provider'>, madeAtMs = 0): boolean {
    return this.#of(resource).some((each) => {
      return each.login === login && each.provider === provider && each.atMs >= madeAtMs;
    });
  }

  #of(resource: NamedResource): readonly Deletion[] {
    return this.#byKey.get(keyOf(resource)) ?? [];
  }

  #without(resource: NamedResource, { login, provider }: Pick<Deletion, 'login' | 'provider'>): Deletion[] {
    return this.#of(resource).filter((each) => each.login !== login || each.provider !== provider);
  }
}
