import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Bucket, pageOf } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { Badge } from '../../design/badge.tsx';
import { Button } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { countExact, money, moneyExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Answer, Loading } from '../../design/states.tsx';
import { useMe } from '../../shell/me.tsx';
import { QuotaSpend, refillSpoken, spoken, standingsOf } from './forecast.ts';
import type { Standing } from './forecast.ts';
import styles from './quotas.module.css';

const Buckets = pageOf(Bucket);
const MOST_BUCKETS = 1000;
const SHOWN_AT_FIRST = 4;
const EVERY_MS = 60_000;

/** What is left of each budget, and for how long: the worst first. */
export function Quotas() {
  const buckets = useApi(`/api/quotas?limit=${MOST_BUCKETS}`, Buckets, { everyMs: EVERY_MS });
  const spend = useApi('/api/quota-spend?interval=hour', QuotaSpend, { everyMs: EVERY_MS });
  const isKnown = spend.data !== undefined || spend.error !== null;
  return (
    <Card title="Quotas" note="What is left, and what comes of it if it goes on as in the last 24 hours">
      <Answer of={buckets} lines={6} empty={{ when: ({ items }) => items.length === 0, say: <NoQuotas /> }}>
        {({ items, next }) =>
          isKnown ? (
            <>
              <Standings all={standingsOf(items, spend.data)} />
              {next !== null && (
                <p className={styles.note}>Of more than {countExact(items.length)} buckets, the first by name.</p>
              )}
            </>
          ) : (
            <Loading lines={6} />
          )
        }
      </Answer>
    </Card>
  );
}

function NoQuotas() {
  const isAdmin = useMe().role === 'admin';
  return (
    <p className={styles.none}>
      No budget limits {isAdmin ? 'anybody' : 'you'}.
      {isAdmin && (
        <>
          {' '}
          Quotas are set in the <Link to="/configuration">configuration</Link>.
        </>
      )}
    </p>
  );
}

function Standings({ all }: { all: readonly Standing[] }) {
  const [isWhole, showWhole] = useState(false);
  const shown = isWhole ? all : all.slice(0, SHOWN_AT_FIRST);
  return (
    <>
      <ul className={styles.list} aria-label="Quotas, the worst first">
        {shown.map((standing) => (
          <OneBucket key={standing.bucket.bucket} standing={standing} />
        ))}
      </ul>
      {shown.length < all.length && (
        <Button look="quiet" className={styles.more} onClick={() => showWhole(true)}>
          Show all {countExact(all.length)}
        </Button>
      )}
    </>
  );
}

function OneBucket({ standing: { bucket, spent, outlook, left } }: { standing: Standing }) {
  const { text, tone, why } = spoken(outlook);
  return (
    <li className={styles.bucket} data-row={bucket.bucket}>
      <div className={styles.words}>
        <span className={styles.name} title={bucket.bucket}>
          <Foreign>{bucket.bucket}</Foreign>
        </span>
        <span data-cell="forecast">
          <Badge tone={tone} title={why}>
            {text}
          </Badge>
        </span>
      </div>
      <div className={styles.track}>
        <div className={styles.bar} data-tone={tone} style={{ width: `${100 * left}%` }} />
      </div>
      <p className={styles.note}>
        <b data-cell="left" title={moneyExact(bucket.balance_nanodollars)}>
          {money(bucket.balance_nanodollars)}
        </b>{' '}
        of {money(bucket.capacity_nanodollars)} left
        <span title={spent === undefined ? undefined : moneyExact(spent)} data-cell="spent">
          {spent === undefined ? '' : ` · ${money(spent)} spent in 24 h`}
        </span>
        {` · ${refillSpoken(bucket)}`}
      </p>
    </li>
  );
}
