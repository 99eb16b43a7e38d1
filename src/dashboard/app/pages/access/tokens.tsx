import { useState } from 'react';
import { useApi } from '../../api/use-api.ts';
import { Badge } from '../../design/badge.tsx';
import type { Tone } from '../../design/badge.tsx';
import { Button } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { Field } from '../../design/filter-bar.tsx';
import { Foreign } from '../../design/hostile.tsx';
import { Problem } from '../../design/problem.tsx';
import { Answer, Empty } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { CodeBlock, Time } from '../../design/texts.tsx';
import { endOf, NewToken, Tokens } from './answers.ts';
import type { Lasts, Token } from './answers.ts';
import styles from './access.module.css';
import { useChange } from './change.ts';
import { Confirm } from './confirm.tsx';
import { LastsChoice } from './lasts.tsx';

const LIST = '/api/tokens';
const TONES: Record<Token['state'], Tone> = { active: 'good', expired: 'neutral', revoked: 'bad' };

export function TokenList() {
  const tokens = useApi(LIST, Tokens);
  const [isMaking, make] = useState(false);
  const [revoking, revoke] = useState<Token | undefined>(undefined);
  return (
    <Card
      title="Tokens"
      note="For machines that are on no tailnet, such as runners. Whoever has one is known by its login"
      actions={
        <Button look="primary" onClick={() => make(true)}>
          New token…
        </Button>
      }
      flush
    >
      <Answer
        of={tokens}
        lines={6}
        empty={{ when: ({ items }) => items.length === 0, say: <Empty title="There are no tokens" /> }}
      >
        {({ items }) => (
          <Table
            caption="All tokens"
            columns={columns(revoke)}
            rows={items}
            id={({ id }) => id}
            sortedBy="created"
            most={50}
          />
        )}
      </Answer>
      {isMaking && <MakeToken onClose={() => make(false)} />}
      {revoking !== undefined && (
        <Confirm
          title="Revoke the token"
          act="Revoke for good"
          look="danger"
          list={LIST}
          id={revoking.id}
          onClose={() => revoke(undefined)}
        >
          Requests with <Foreign>{revoking.name}</Foreign> end at once. It cannot be taken back.
        </Confirm>
      )}
    </Card>
  );
}

function columns(revoke: (token: Token) => void): Column<Token>[] {
  return [
    { key: 'name', head: 'Name', wide: true, cell: ({ name }) => <Foreign>{name}</Foreign>, sort: ({ name }) => name },
    { key: 'login', head: 'Login', cell: ({ login }) => <Foreign>{login}</Foreign>, sort: ({ login }) => login },
    { key: 'tags', head: 'Tags', minor: true, cell: ({ tags }) => tags.join(', ') },
    {
      key: 'state',
      head: 'State',
      cell: ({ state }) => <Badge tone={TONES[state]}>{state}</Badge>,
      sort: ({ state }) => state,
    },
    {
      key: 'created',
      head: 'Made',
      minor: true,
      cell: ({ created_at }) => <Time at={created_at} />,
      sort: ({ created_at }) => created_at,
    },
    {
      key: 'expires',
      head: 'Expires',
      cell: ({ expires_at }) => (expires_at === null ? 'never' : <Time at={expires_at} />),
      sort: ({ expires_at }) => expires_at ?? '9',
    },
    {
      key: 'revoke',
      head: '',
      cell: (token) =>
        token.state === 'active' && (
          <Button look="quiet" aria-label={`Revoke: ${token.name}`} onClick={() => revoke(token)}>
            Revoke
          </Button>
        ),
    },
  ];
}

function MakeToken({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [login, setLogin] = useState('');
  const [tags, setTags] = useState('');
  const [lasts, setLasts] = useState<Lasts>('30d');
  const change = useChange(LIST, NewToken);
  if (change.data !== undefined) return <Made token={change.data.token} onClose={onClose} />;
  const send = () => {
    const expires_at = endOf(lasts, Date.parse(new Date().toISOString()));
    const named = tags.split(/[\s,]+/).filter(Boolean);
    const body = {
      name,
      expires_at,
      ...(login === '' ? {} : { login }),
      ...(named.length === 0 ? {} : { tags: named }),
    };
    change.mutate({ method: 'POST', path: LIST, body });
  };
  return (
    <Dialog
      title="New token"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" disabled={name === '' || change.isPending} onClick={send}>
            Make it
          </Button>
        </>
      }
    >
      <div className={styles.form}>
        <Field label="Name" value={name} placeholder="CI build" onChange={setName} />
        <Field label="Login" value={login} placeholder="Made of the name: token:ci-build" onChange={setLogin} />
        <Field label="Tags" value={tags} placeholder="tag:ci, which grants can name" onChange={setTags} />
        <LastsChoice label="Good for" ever="ever" chosen={lasts} onChoose={setLasts} />
        <Problem error={change.error} />
      </div>
    </Dialog>
  );
}

/** The one time that anybody sees it: the gateway keeps its hash alone. */
function Made({ token, onClose }: { token: string; onClose: () => void }) {
  return (
    <Dialog
      title="The token"
      onClose={onClose}
      actions={
        <Button look="primary" onClick={onClose}>
          I have it
        </Button>
      }
    >
      <div className={styles.form}>
        <p>Take it now: it is shown this once. A client sends it in the place of a provider’s key.</p>
        <CodeBlock label="The token" text={token} />
      </div>
    </Dialog>
  );
}
