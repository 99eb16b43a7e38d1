import { percent } from './format.ts';
import styles from './bar-list.module.css';
import type { ReactNode } from 'react';

export interface Bar {
  id: string;
  name: ReactNode;
  /** What the bar's length and the share are of. */
  value: number;
  /** As people read it. */
  shown: string;
  exact?: string;
  note?: ReactNode;
  colour?: string;
}

/** The largest first, each beside its share of `total` (default: of them all). */
export function BarList({
  label,
  bars,
  total,
  shares = true,
}: {
  label: string;
  bars: readonly Bar[];
  total?: number;
  shares?: boolean;
}) {
  const most = Math.max(0, ...bars.map(({ value }) => value));
  const whole = total ?? bars.reduce((sum, { value }) => sum + value, 0);
  return (
    <ul className={styles.list} aria-label={label}>
      {bars.map(({ id, name, value, shown, exact, note, colour }) => (
        <li key={id} className={styles.row} data-row={id}>
          <div className={styles.words}>
            <span className={styles.name}>{name}</span>
            {note !== undefined && <span className={styles.note}>{note}</span>}
            <span className={styles.value} title={exact} data-cell="value">
              {shown}
            </span>
            {shares && <span className={styles.share}>{whole === 0 ? '–' : percent(value / whole)}</span>}
          </div>
          <div className={styles.track}>
            <div
              className={styles.bar}
              style={{ width: `${most === 0 ? 0 : (100 * value) / most}%`, background: colour }}
            />
          </div>
        </li>
      ))}
    </ul>
  );
}
