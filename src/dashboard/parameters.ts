import type { Fault } from '../contract/fault.ts';
import { isUuid7 } from '../lib/uuid7.ts';

/** What is wrong with a parameter; becomes a `bad_parameter` fault at the door. */
export class BadParameter extends Error {
  readonly fault: Fault;

  constructor(name: string, why: string) {
    super(`${name}: ${why}`);
    this.fault = { code: 'bad_parameter', name, why };
  }
}

/** Longer than anything that is stored under a name. */
const TEXT_CHARS = 600;

/** Reads a query string. A parameter that nobody knows is refused: a filter that is ignored shows the wrong rows. */
export class Parameters<Name extends string> {
  readonly #values = new Map<string, string>();

  constructor(query: string, known: readonly Name[]) {
    for (const [name, value] of new URLSearchParams(query)) {
      if (!known.some((each) => each === name)) {
        throw new BadParameter(name.slice(0, TEXT_CHARS), `is not known here; there are ${known.join(', ')}`);
      }
      if (this.#values.has(name)) throw new BadParameter(name, 'is given twice');
      if (value.length > TEXT_CHARS) throw new BadParameter(name, `is longer than ${TEXT_CHARS} characters`);
      // Postgres holds no zero character, so no row can match one.
      if (value.includes('\0')) throw new BadParameter(name, 'has a zero character');
      this.#values.set(name, value);
    }
  }

  text(name: Name): string | undefined {
    return this.#values.get(name);
  }

  oneOf<T extends string>(name: Name, allowed: readonly T[]): T | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    const found = allowed.find((each) => each === value);
    if (found === undefined) throw new BadParameter(name, `must be one of ${allowed.join(', ')}`);
    return found;
  }

  /** Some of these, with commas, each once. */
  several<T extends string>(name: Name, allowed: readonly T[]): T[] | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    const given = value.split(',');
    const found = given.flatMap((one) => allowed.filter((each) => each === one));
    if (found.length < given.length) throw new BadParameter(name, `must be some of ${allowed.join(', ')}, with commas`);
    if (new Set(found).size < found.length) throw new BadParameter(name, 'has one of them twice');
    return found;
  }

  integer(name: Name, least: number, most: number): number | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (!(number >= least && number <= most)) {
      throw new BadParameter(name, `must be a whole number from ${least} to ${most}`);
    }
    return number;
  }

  /** Whole nanodollars, as text: more than a number holds exactly. */
  nanodollars(name: Name): string | undefined {
    const value = this.#values.get(name);
    if (value !== undefined && !/^\d{1,18}$/.test(value)) {
      throw new BadParameter(name, 'must be a whole number of nanodollars, of up to 18 digits');
    }
    return value;
  }

  /** Milliseconds since the epoch. */
  time(name: Name): number | undefined {
    const value = this.#values.get(name);
    if (value === undefined) return undefined;
    const ms = RFC_3339.test(value)
      ? Date.parse(value.length === DATE_CHARS ? `${value}T00:00:00Z` : value)
      : Number.NaN;
    if (!(ms >= 0))
      throw new BadParameter(name, 'must be a time such as 2026-01-31T12:00:00Z, or a day such as 2026-01-31');
    return ms;
  }

  /** The place of a tool call: the id of its record, a colon, and a number. */
  place(name: Name): { record: string; position: number } | undefined {
    const value = this.#values.get(name)?.toLowerCase();
    if (value === undefined) return undefined;
    const [record = '', position = '', ...rest] = value.split(':');
    if (!isUuid7(record) || !/^\d{1,9}$/.test(position) || rest.length > 0) {
      throw new BadParameter(name, "must be a page's next");
    }
    return { record, position: Number(position) };
  }

  /** A header: its name, in any case, alone or with a colon and a value. The name comes back in lower case. */
  header(name: Name): { name: string; value: string | undefined } | undefined {
    const given = this.#values.get(name);
    if (given === undefined) return undefined;
    const colon = given.indexOf(':');
    const header = (colon < 0 ? given : given.slice(0, colon)).trim().toLowerCase();
    if (!HEADER_NAME.test(header)) throw new BadParameter(name, 'must be a header, or a header:value');
    return { name: header, value: colon < 0 ? undefined : given.slice(colon + 1).trim() };
  }

  /** The id of a record. */
  id(name: Name): string | undefined {
    const value = this.#values.get(name)?.toLowerCase();
    if (value !== undefined && !isUuid7(value)) throw new BadParameter(name, 'must be the id of a request');
    return value;
  }
}

/** RFC 9110, section 5.6.2, in lower case. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const DATE_CHARS = '2026-01-31'.length;
/** RFC 3339, section 5.6, and a day by itself, which begins at midnight UTC. */
const RFC_3339 = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d))?$/;
