import { Link, useParams, useSearch } from '@tanstack/react-router';
import { ChevronLeft, ScrollText } from 'lucide-react';
import type { ReactNode } from 'react';
import { ApiError } from '../../api/client.ts';
import { useApi } from '../../api/use-api.ts';
import { Card, PageHead } from '../../design/card.tsx';
import { duration, time } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Failure, Loading } from '../../design/states.tsx';
import { useMe } from '../../shell/me.tsx';
import { Names } from './cells.tsx';
import { tookMs } from './days.ts';
import { SessionChildren } from './session-children.tsx';
import { SessionFigures } from './session-figures.tsx';
import { SessionReport } from './shapes.ts';
import { Timeline } from './timeline.tsx';
import { WhoseSession } from './whose-session.tsx';
import styles from './session.module.css';

/** One conversation: its turns in order, what each cost, the tools it called and what they answered. */
export function Session() {
  const { id } = useParams({ from: '/sessions/$id' });
  const { login } = useSearch({ from: '/sessions/$id' });
  const isAdmin = useMe().role === 'admin';
  const whose = isAdmin && login !== undefined ? `?${new URLSearchParams({ login }).toString()}` : '';
  const report = useApi(`/api/sessions/${encodeURIComponent(id)}${whose}`, SessionReport);
  if (report.data !== undefined) return <Whole report={report.data} showUser={isAdmin} />;
  if (report.error === null) {
    return (
      <Framed id={id}>
        <Loading lines={12} label="Loading the session" />
      </Framed>
    );
  }
  const isSomebodys = isAdmin && login === undefined && isAmbiguous(report.error);
  return (
    <Framed id={id}>
      {isSomebodys ? <WhoseSession id={id} /> : <Failure error={report.error} again={() => void report.refetch()} />}
    </Framed>
  );
}

/** The one thing that may be wrong with a question that names no login: several callers have a session of this name. */
function isAmbiguous(error: Error): boolean {
  return error instanceof ApiError && error.status === 400;
}

function Framed({ id, children }: { id: string; children: ReactNode }) {
  return (
    <>
      <div>
        <Back />
        <PageHead title="Session" note={<Foreign>{id}</Foreign>} />
      </div>
      <Card>{children}</Card>
    </>
  );
}

function Back() {
  return (
    <Link to="/sessions" className={styles.back}>
      <ChevronLeft size={15} aria-hidden />
      Sessions
    </Link>
  );
}

function Whole({ report, showUser }: { report: SessionReport; showUser: boolean }) {
  const { session, requests, truncated, children } = report;
  const whose = showUser ? { login: session.login } : {};
  return (
    <>
      <div>
        <Back />
        <PageHead
          title="Session"
          note={<About report={report} showUser={showUser} />}
          actions={
            <Link
              to="/requests"
              search={{ ...whose, session: session.session_id, from: startOf(session.first_at) }}
              className={styles.action}
            >
              <ScrollText size={15} aria-hidden />
              As a list of requests
            </Link>
          }
        />
      </div>
      <SessionFigures session={session} turns={requests} truncated={truncated} />
      <Timeline session={session} turns={requests} truncated={truncated}>
        {children.length > 0 && <SessionChildren rows={children} showUser={showUser} />}
      </Timeline>
    </>
  );
}

/** Whole seconds, a little before: filters by time are as exact as the ids of requests. */
function startOf(at: string): string {
  return new Date(Math.floor(Date.parse(at) / 1000) * 1000).toISOString();
}

function About({ report: { session }, showUser }: { report: SessionReport; showUser: boolean }) {
  return (
    <>
      {showUser && (
        <>
          <Foreign>{session.login}</Foreign>
          {' · '}
        </>
      )}
      <Names names={session.agents} none="unknown agent" />
      {' · '}
      <span title={`${session.first_at} – ${session.last_at}`}>
        {time(session.first_at)}, for {duration(tookMs(session.first_at, session.last_at))}
      </span>
      {session.parent_session_id !== null && (
        <>
          {' · started by '}
          <Link
            to="/sessions/$id"
            params={{ id: session.parent_session_id }}
            search={showUser ? { login: session.login } : {}}
          >
            another session
          </Link>
        </>
      )}
      <span className={styles.id}>
        <Foreign>{session.session_id}</Foreign>
      </span>
    </>
  );
}
