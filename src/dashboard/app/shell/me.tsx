import { createContext, useContext } from 'react';
import type { ReactNode } from 'react';
import { useApi } from '../api/use-api.ts';
import { Whoami } from '../api/shapes.ts';
import { Failure, Loading, NoPermission } from '../design/states.tsx';

const Me = createContext<Whoami | undefined>(undefined);

/** Who looks at the page. Only below `Identified`. */
export function useMe(): Whoami {
  const me = useContext(Me);
  if (me === undefined) throw new Error('nobody is identified here');
  return me;
}

/** Asks who is there before anything else is shown. */
export function Identified({ children }: { children: ReactNode }) {
  const answer = useApi('/api/whoami', Whoami);
  if (answer.data !== undefined) return <Me value={answer.data}>{children}</Me>;
  if (answer.error !== null) return <Failure error={answer.error} again={() => void answer.refetch()} />;
  return <Loading />;
}

/** For pages that are about everybody. */
export function AdminsOnly({ children }: { children: ReactNode }) {
  if (useMe().role === 'admin') return children;
  return <NoPermission>This page is for admins. Ask one for the role “admin” in a grant.</NoPermission>;
}
