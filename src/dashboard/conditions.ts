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
    return this.#conditions.length === 0 ? '' : `WHERE ${this.#conditions.join(' AND ')}`;
  }
}
