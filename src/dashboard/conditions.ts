import { uuid7Floor } from '../lib/uuid7.ts';

/** Milliseconds since the epoch: from inclusive, to exclusive. */
export interface TimeRange {
  fromMs: number | undefined;
  toMs: number | undefined;
}

/** What records and roll-ups say alike of an exchange; each narrows. `owner` is set for users and beats everything. */
export interface About {
  owner: string | undefined;
  login: string | undefined;
  /** A group that the caller was in at that time. */
  memberOf: string | undefined;
  model: string | undefined;
  provider: string | undefined;
  agent: string | undefined;
  api: string | undefined;
  status: number | undefined;
}

/** The conditions of a question and the values in them, which reach the database as parameters. */
export class Conditions {
  readonly values: unknown[];
  readonly #conditions: string[] = [];

  constructor(values: unknown[] = []) {
    this.values = values;
  }

  /** Conditions of a question within this one: with the same values. */
  within(): Conditions {
    return new Conditions(this.values);
  }

  /** `?` stands for the value. Without a value, nothing is asked. */
  add(condition: string, value: unknown): void {
    if (value !== undefined) this.#conditions.push(condition.replace('?', this.parameter(value)));
  }

  addAbout({ owner, login, memberOf, model, provider, agent, api, status }: About): void {
    this.add('login = ?', owner);
    this.add('? = ANY(groups)', memberOf);
    for (const [column, value] of Object.entries({ login, model, provider, agent, api, status })) {
      this.add(`${column} = ?`, value);
    }
  }

  /** Times are told by ids: `from` names the column of those that a range begins with, `to` of those that it ends before. */
  addTimes({ fromMs, toMs }: TimeRange, from: string, to = from): void {
    this.add(`${from} >= ?`, fromMs === undefined ? undefined : uuid7Floor(fromMs));
    this.add(`${to} < ?`, toMs === undefined ? undefined : uuid7Floor(toMs));
  }

  /** A condition that has no value. */
  always(condition: string): void {
    this.#conditions.push(condition);
  }

  /** Adds a value; returns its name in the statement. */
  parameter(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }

  get where(): string {
    return this.whereAlso();
  }

  /** With more conditions, which have no values. */
  whereAlso(...more: string[]): string {
    const all = [...this.#conditions, ...more];
    return all.length === 0 ? '' : `WHERE ${all.join(' AND ')}`;
  }
}
