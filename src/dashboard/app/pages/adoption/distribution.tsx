import { Card } from '../../design/card.tsx';
import { count, countExact } from '../../design/format.ts';
import styles from './distribution.module.css';
import type { Bin } from './report.ts';

const TITLES = { requests: 'Requests on an active day', tokens: 'Tokens on an active day' };

/** How many users do how much on a day on which they are there. */
export function Distribution({ what, bins }: { what: 'requests' | 'tokens'; bins: readonly Bin[] }) {
  const most = Math.max(1, ...bins.map(({ users }) => users));
  return (
    <Card title={TITLES[what]} note="Users by what is usual for them; each bar begins at its figure">
      <ol className={styles.bins} aria-label={`Users by ${what} on an active day`}>
        {bins.map((bin) => (
          <li
            key={bin.from}
            className={styles.bin}
            data-bin={bin.from}
            data-users={bin.users}
            title={`${inFull(bin, what)}: ${countExact(bin.users)} ${bin.users === 1 ? 'user' : 'users'}`}
          >
            <span className={styles.users}>{bin.users === 0 ? '' : count(bin.users)}</span>
            <span className={styles.bar} style={{ height: `${(100 * bin.users) / most}%` }} />
            <span className={styles.range}>{inShort(bin)}</span>
          </li>
        ))}
      </ol>
    </Card>
  );
}

/** Where a range begins: it ends before the next one. */
function inShort({ from, to }: Bin): string {
  return to === null ? `${short(from)}+` : short(from);
}

const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
function short(value: number): string {
  return SHORT.format(value);
}

function inFull({ from, to }: Bin, what: string): string {
  return to === null ? `${countExact(from)} ${what} or more` : `${countExact(from)} to under ${countExact(to)} ${what}`;
}
