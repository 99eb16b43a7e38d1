import { Link } from '@tanstack/react-router';
import { useApi } from '../../api/use-api.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Answer } from '../../design/states.tsx';
import { RequestPage } from './shapes.ts';
import styles from './session.module.css';

const MOST_LOOKED_AT = 1000;

/** A client names its sessions as it likes, and two may choose the same name: whose is meant? */
export function WhoseSession({ id }: { id: string }) {
  const asked = new URLSearchParams({ session: id, limit: String(MOST_LOOKED_AT) });
  const requests = useApi(`/api/requests?${asked.toString()}`, RequestPage);
  return (
    <div className={styles.whose}>
      <h2>Several people have a session of this name</h2>
      <p>Whose do you want to see?</p>
      <Answer of={requests} lines={2}>
        {({ items, next }) => (
          <>
            <ul>
              {[...new Set(items.map(({ login }) => login))].sort().map((login) => (
                <li key={login}>
                  <Link to="/sessions/$id" params={{ id }} search={{ login }}>
                    <Foreign>{login}</Foreign>
                  </Link>
                </li>
              ))}
            </ul>
            {next !== null && <p>Found among its last {MOST_LOOKED_AT} requests; there may be others.</p>}
          </>
        )}
      </Answer>
    </div>
  );
}
