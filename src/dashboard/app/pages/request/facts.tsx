import { Link } from '@tanstack/react-router';
import { ChevronDown } from 'lucide-react';
import { useState, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import { useMe } from '../../shell/me.tsx';
import { totalTokens } from '../../api/shapes.ts';
import { countExact, money, moneyExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Money, Time } from '../../design/texts.tsx';
import styles from './facts.module.css';
import type { RequestRecord } from './record.ts';
import { kindsIn } from './usage.ts';
import { apiName, costUnknown, KIND_NAMES, usageNote } from './words.ts';

const wide = window.matchMedia('(min-width: 1181px)');
const listen = (tell: () => void) => {
  wide.addEventListener('change', tell);
  return () => wide.removeEventListener('change', tell);
};

/** Beside the views where there is room, and folded above them where there is none. */
export function Facts({ record }: { record: RequestRecord }) {
  const isWide = useSyncExternalStore(listen, () => wide.matches);
  const [open, setOpen] = useState(false);
  const isOpen = isWide || open;
  return (
    <aside className={styles.facts} aria-label="Books and origin">
      {!isWide && (
        <button type="button" className={styles.fold} aria-expanded={open} onClick={() => setOpen(!open)}>
          Tokens, price and origin
          <ChevronDown size={16} aria-hidden data-open={open} />
        </button>
      )}
      {isOpen && (
        <>
          <Tokens record={record} />
          <Price record={record} />
          <Origin record={record} />
        </>
      )}
    </aside>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={styles.group}>
      <h2>{title}</h2>
      <dl>{children}</dl>
    </section>
  );
}

function Fact({ name, title, children }: { name: ReactNode; title?: string | undefined; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd title={title}>{children}</dd>
    </div>
  );
}

function Tokens({ record }: { record: RequestRecord }) {
  const kinds = kindsIn(record.usage);
  const note = usageNote(record);
  return (
    <Group title="Tokens">
      {kinds.map(({ kind, tokens }) => (
        <div key={kind} className={styles.fact} data-tokens={kind}>
          <dt>{KIND_NAMES[kind]}</dt>
          <dd className={styles.figure}>{countExact(tokens)}</dd>
        </div>
      ))}
      {kinds.length > 1 && (
        <div className={styles.sum} data-tokens="all">
          <dt>All</dt>
          <dd className={styles.figure}>{countExact(totalTokens(record.usage))}</dd>
        </div>
      )}
      {note !== undefined && <Note>{note}</Note>}
    </Group>
  );
}

function Note({ children }: { children: ReactNode }) {
  return (
    <div className={styles.note}>
      <dt className="hidden">Note</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Price({ record }: { record: RequestRecord }) {
  const { cost_nanodollars: cost, cost_basis, price_version, service_tier, booked, amendments } = record;
  return (
    <Group title="Price">
      <Fact name="Cost">
        <span className={styles.figure}>
          <Money nanodollars={cost} />
        </span>
      </Fact>
      {cost === null && <Note>Not known: {costUnknown(record.usage_flags)}.</Note>}
      {cost_basis !== null && (
        <Fact name="Priced as">
          <Foreign>{cost_basis}</Foreign>
        </Fact>
      )}
      {price_version !== null && (
        <Fact name="Price list" title={price_version}>
          <code>{price_version.slice(0, 19)}</code>
        </Fact>
      )}
      {service_tier !== null && (
        <Fact name="Tier">
          <Foreign>{service_tier}</Foreign>
        </Fact>
      )}
      {booked !== null && (
        <Fact
          name="First booked"
          title={booked.cost_nanodollars === null ? undefined : moneyExact(booked.cost_nanodollars)}
        >
          <span className={styles.figure}>
            {booked.cost_nanodollars === null ? 'unknown' : money(booked.cost_nanodollars)}
          </span>
        </Fact>
      )}
      {booked !== null && totalTokens(booked.usage) !== totalTokens(record.usage) && (
        <Fact name="Tokens then">
          <span className={styles.figure}>{countExact(totalTokens(booked.usage))}</span>
        </Fact>
      )}
      {amendments.map(({ at, kind }) => (
        <Fact key={`${at} ${kind}`} name={kind === 'price' ? 'Priced again' : 'Usage learned'}>
          <Time at={at} />
        </Fact>
      ))}
    </Group>
  );
}

function Origin({ record }: { record: RequestRecord }) {
  // Two people may have a session of the same name.
  const isMine = useMe().login === record.login;
  const groups = record.groups.map((group) => group.replace(/^group:/, ''));
  return (
    <Group title="Origin">
      {record.session_id !== '' && (
        <Fact name="Session" title={record.session_id}>
          <Link
            to="/sessions/$id"
            params={{ id: record.session_id }}
            search={isMine ? {} : { login: record.login }}
            className={styles.session}
          >
            <Foreign most={24}>{record.session_id}</Foreign>
          </Link>
        </Fact>
      )}
      <Fact name="API">{apiName(record.api)}</Fact>
      {record.model_served !== null && record.model_served !== record.model && (
        <Fact name="Served by">
          <Foreign most={80}>{record.model_served}</Foreign>
        </Fact>
      )}
      {record.stop_reason !== null && (
        <Fact name="Ended for">
          <Foreign most={80}>{record.stop_reason.replaceAll('_', ' ')}</Foreign>
        </Fact>
      )}
      {record.node_name !== '' && (
        <Fact name="Device">
          <Foreign most={80}>{record.node_name}</Foreign>
        </Fact>
      )}
      {groups.length > 0 && (
        <Fact name="Groups">
          <Foreign>{groups.join(', ')}</Foreign>
        </Fact>
      )}
      <Fact name="Request" title={record.id}>
        <code>{record.id.slice(0, 8)}…</code>
      </Fact>
    </Group>
  );
}
