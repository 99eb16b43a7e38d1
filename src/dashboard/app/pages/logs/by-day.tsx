import type { ReactNode } from 'react';
import styles from './list.module.css';

interface ByDayProps<Row> {
  days: readonly { name: string; rows: readonly Row[] }[];
  children: (row: Row) => ReactNode;
}

/** Rows of a table below the day that they are of. */
export function DayBodies<Row>({ days, columns, children }: ByDayProps<Row> & { columns: number }) {
  return days.map(({ name, rows }) => (
    <tbody key={name}>
      <tr>
        <th scope="rowgroup" className={styles.day} colSpan={columns}>
          {name}
        </th>
      </tr>
      {rows.map(children)}
    </tbody>
  ));
}

/** On a phone: the same as lists. */
export function DayCards<Row>({ days, children }: ByDayProps<Row>) {
  return (
    <div className={styles.cards}>
      {days.map(({ name, rows }) => (
        <section key={name} aria-label={name}>
          <h2 className={styles.day}>{name}</h2>
          <ul>{rows.map(children)}</ul>
        </section>
      ))}
    </div>
  );
}

/** Heads of what requests and sessions have alike, at the end of both tables. */
export function FigureHeads() {
  return (
    <>
      <th scope="col" className={styles.figure} title="Tokens that went in, cached or not">
        In
      </th>
      <th scope="col" className={styles.figure} title="Of those, tokens that were read from the cache">
        Cached
      </th>
      <th scope="col" className={styles.figure} title="Tokens that came out">
        Out
      </th>
      <th scope="col" className={styles.figure}>
        Cost
      </th>
    </>
  );
}
