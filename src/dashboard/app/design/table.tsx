import { ArrowDown, ArrowUp } from 'lucide-react';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { Button } from './button.tsx';
import { count, countExact } from './format.ts';
import styles from './table.module.css';

export interface Column<Row> {
  /** Unique; also the name under which tests find its cells. */
  key: string;
  head: string;
  /** Figures stand right, and in digits of one width. */
  figure?: boolean;
  /** Takes what room is left; the text is cut at its end. */
  wide?: boolean;
  /** Left out on a narrow screen. */
  minor?: boolean;
  cell: (row: Row) => ReactNode;
  /** What to sort by, where one may. */
  sort?: (row: Row) => number | string | bigint;
  /** The exact value, for the cell's title. */
  title?: (row: Row) => string | undefined;
}

/** A column of whole numbers: rounded in the cell, exact in its title. */
export function countColumn<Key extends string, Row extends Record<Key, number>>(key: Key, head: string): Column<Row> {
  return {
    key,
    head,
    figure: true,
    cell: (row) => count(row[key]),
    title: (row) => countExact(row[key]),
    sort: (row) => row[key],
  };
}

interface TableProps<Row> {
  /** Says what the table is of; not shown. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  id: (row: Row) => string;
  /** Sorted by this column at first, largest first. */
  sortedBy?: string;
  /** A row that is chosen, or new. */
  marked?: ((row: Row) => boolean) | undefined;
  /** So many rows at first, and the rest when asked. */
  most?: number;
  foot?: ReactNode;
}

interface Order {
  key: string;
  down: boolean;
}

export function Table<Row>({ caption, columns, rows, id, sortedBy, marked, most, foot }: TableProps<Row>) {
  const [isWhole, showWhole] = useState(false);
  const [order, setOrder] = useState<Order | undefined>(
    sortedBy === undefined ? undefined : { key: sortedBy, down: true },
  );
  const inOrder = sorted(rows, columns, order);
  const shown = most === undefined || isWhole ? inOrder : inOrder.slice(0, most);
  return (
    <>
      <div className={styles.frame} role="region" aria-label={caption} tabIndex={0}>
        <table className={styles.table}>
          <caption className="hidden">{caption}</caption>
          <thead>
            <tr>
              {columns.map((column) => (
                <Head key={column.key} column={column} order={order} setOrder={setOrder} />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={id(row)} data-row={id(row)} data-marked={marked?.(row)}>
                {columns.map((column) => (
                  <td key={column.key} className={classOf(column)} data-cell={column.key} title={column.title?.(row)}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
          {foot !== undefined && <tfoot>{foot}</tfoot>}
        </table>
      </div>
      {shown.length < rows.length && (
        <div className={styles.more}>
          <Button look="quiet" onClick={() => showWhole(true)}>
            Show all {countExact(rows.length)}
          </Button>
        </div>
      )}
    </>
  );
}

function Head<Row>({
  column,
  order,
  setOrder,
}: {
  column: Column<Row>;
  order: Order | undefined;
  setOrder: (order: Order) => void;
}) {
  const isSorted = order?.key === column.key;
  // A column of buttons has no name, and a heading must have one.
  if (column.head === '') return <td className={classOf(column)} />;
  if (column.sort === undefined) {
    return (
      <th scope="col" className={classOf(column)}>
        {column.head}
      </th>
    );
  }
  const Arrow = isSorted && !order.down ? ArrowUp : ArrowDown;
  return (
    <th
      scope="col"
      className={classOf(column)}
      aria-sort={isSorted ? (order.down ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className={styles.sort}
        data-sorted={isSorted}
        onClick={() => setOrder({ key: column.key, down: isSorted ? !order.down : true })}
      >
        {column.head}
        <Arrow size={12} aria-hidden />
      </button>
    </th>
  );
}

function classOf<Row>({ figure = false, wide = false, minor = false }: Column<Row>): string {
  return [figure ? styles.figure : '', wide ? styles.wide : '', minor ? styles.minor : ''].join(' ');
}

function sorted<Row>(rows: readonly Row[], columns: readonly Column<Row>[], order: Order | undefined): readonly Row[] {
  const by = columns.find(({ key }) => key === order?.key)?.sort;
  if (by === undefined || order === undefined) return rows;
  const direction = order.down ? -1 : 1;
  return rows.toSorted((left, right) => direction * compare(by(left), by(right)));
}

function compare(left: number | string | bigint, right: number | string | bigint): number {
  if (typeof left === 'string' && typeof right === 'string') return left.localeCompare(right);
  return left < right ? -1 : left > right ? 1 : 0;
}
