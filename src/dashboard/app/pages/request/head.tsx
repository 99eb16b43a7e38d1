import { Link } from '@tanstack/react-router';
import { CircleAlert, Terminal } from 'lucide-react';
import { useState } from 'react';
import { cachedTokens, inputTokens, outputTokens } from '../../api/shapes.ts';
import { StateBadge } from '../../design/badge.tsx';
import { Button } from '../../design/button.tsx';
import { PageHead, Stat, Stats } from '../../design/card.tsx';
import { count, countExact, duration, money, moneyExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Time } from '../../design/texts.tsx';
import { CurlDialog } from './curl/curl-dialog.tsx';
import styles from './head.module.css';
import type { RequestRecord } from './record.ts';
import { msBetween } from './timing.ts';
import { costUnknown, troubleOf } from './words.ts';

/** Who asked what of whom, when, and how it ended. */
export function RequestHead({ record }: { record: RequestRecord }) {
  const [copies, setCopies] = useState(false);
  const trouble = troubleOf(record);
  return (
    <>
      <PageHead
        title={
          <span className={styles.title}>
            {record.model === '' ? 'Request' : <Foreign most={80}>{record.model}</Foreign>}
            <StateBadge state={record.state} />
          </span>
        }
        note={
          <span className={styles.lead}>
            <b>
              <Foreign>{record.login}</Foreign>
            </b>
            {record.agent !== '' && (
              <span>
                with <Foreign most={80}>{`${record.agent} ${record.client_version}`.trim()}</Foreign>
              </span>
            )}
            {record.provider !== '' && (
              <span>
                from <Foreign>{record.provider}</Foreign>
              </span>
            )}
            <Time at={record.received_at} />
          </span>
        }
        actions={
          <>
            <Link to="/compare" search={{ a: record.id }} className={styles.compare}>
              Compare…
            </Link>
            <Button icon={<Terminal size={15} aria-hidden />} onClick={() => setCopies(true)}>
              Copy as curl
            </Button>
          </>
        }
      />
      {trouble !== undefined && (
        <p className={styles.trouble} data-state={record.state} role="note">
          <CircleAlert size={16} aria-hidden />
          <span>
            <Foreign most={600}>{trouble}</Foreign>
            {record.error !== null && <code className={styles.code}>{record.error.code}</code>}
          </span>
        </p>
      )}
      {copies && <CurlDialog record={record} onClose={() => setCopies(false)} />}
    </>
  );
}

/** The figures one looks for first. */
export function Figures({ record }: { record: RequestRecord }) {
  const { usage, received_at, first_byte_at, ended_at, cost_nanodollars: cost } = record;
  const tookMs = msBetween(received_at, ended_at);
  const [input, output, cached] = [inputTokens(usage), outputTokens(usage), cachedTokens(usage)];
  const reasoning = usage?.['reasoning'] ?? 0;
  return (
    <Stats>
      <Stat
        name="status"
        label="Status"
        value={record.status === 0 ? 'None' : String(record.status)}
        note={record.stream ? 'a stream' : 'in one piece'}
      />
      <Stat
        name="duration"
        label="Duration"
        value={duration(tookMs)}
        exact={`${tookMs.toFixed(3)} ms`}
        note={
          first_byte_at === null
            ? 'no first byte'
            : `first byte after ${duration(msBetween(received_at, first_byte_at))}`
        }
      />
      <Stat
        name="cost"
        label="Cost"
        value={cost === null ? 'Unknown' : money(cost)}
        {...(cost === null ? {} : { exact: moneyExact(cost) })}
        note={
          cost === null ? costUnknown(record.usage_flags) : record.booked === null ? 'as booked' : 'corrected since'
        }
      />
      <Stat
        name="input"
        label="Tokens in"
        value={usage === null ? 'Unknown' : count(input)}
        {...(usage === null ? {} : { exact: countExact(input) })}
        note={usage === null ? 'not told' : cached === 0 ? 'none from cache' : `${count(cached)} from cache`}
      />
      <Stat
        name="output"
        label="Tokens out"
        value={usage === null ? 'Unknown' : count(output)}
        {...(usage === null ? {} : { exact: countExact(output) })}
        note={usage === null ? 'not told' : reasoning === 0 ? 'no reasoning' : `${count(reasoning)} reasoning`}
      />
    </Stats>
  );
}
