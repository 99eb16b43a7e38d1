import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useApi } from '../../api/use-api.ts';
import { Badge } from '../../design/badge.tsx';
import { Button } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { Field } from '../../design/filter-bar.tsx';
import { Foreign } from '../../design/hostile.tsx';
import { Problem } from '../../design/problem.tsx';
import { Answer, Empty } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { Time } from '../../design/texts.tsx';
import { endOf, Revocation, REVOCATION_KINDS, Revocations } from './answers.ts';
import type { Lasts, RevocationKind } from './answers.ts';
import styles from './access.module.css';
import { useChange } from './change.ts';
import { Confirm } from './confirm.tsx';
import { LastsChoice } from './lasts.tsx';

const LIST = '/api/revocations';

export function KillSwitch() {
  const revocations = useApi(LIST, Revocations, { everyMs: 10_000 });
  const [isAdding, add] = useState(false);
  const [lifting, lift] = useState<Revocation | undefined>(undefined);
  return (
    <Card
      title="Shut out"
      note="Requests under way end with it, in every process, within a second"
      actions={
        <Button look="danger" onClick={() => add(true)}>
          Shut out…
        </Button>
      }
      flush
    >
      <Answer
        of={revocations}
        lines={6}
        empty={{ when: ({ items }) => items.length === 0, say: <Empty title="Nobody and nothing is shut out" /> }}
      >
        {({ items }) => (
          <Table
            caption="All that is shut out"
            columns={columns(lift)}
            rows={items}
            id={({ id }) => id}
            sortedBy="created"
            most={50}
          />
        )}
      </Answer>
      {isAdding && <ShutOut onClose={() => add(false)} />}
      {lifting !== undefined && (
        <Confirm
          title="Let in again"
          act="Lift"
          look="primary"
          list={LIST}
          id={lifting.id}
          onClose={() => lift(undefined)}
        >
          {REVOCATION_KINDS[lifting.kind].name} <Foreign>{lifting.value}</Foreign> is let in again at once, where grants
          allow it.
        </Confirm>
      )}
    </Card>
  );
}

function columns(lift: (revocation: Revocation) => void): Column<Revocation>[] {
  return [
    { key: 'kind', head: 'What', cell: ({ kind }) => REVOCATION_KINDS[kind].name, sort: ({ kind }) => kind },
    { key: 'value', head: 'Which', wide: true, cell: Value, sort: ({ value }) => value },
    { key: 'reason', head: 'Why', minor: true, cell: ({ reason }) => <Foreign>{reason}</Foreign> },
    { key: 'by', head: 'By', minor: true, cell: ({ by }) => <Foreign>{by}</Foreign>, sort: ({ by }) => by },
    {
      key: 'created',
      head: 'Since',
      cell: ({ created_at }) => <Time at={created_at} />,
      sort: ({ created_at }) => created_at,
    },
    {
      key: 'until',
      head: 'Until',
      cell: ({ until, state }) => (
        <>
          {until === null ? 'lifted' : <Time at={until} />} {state === 'expired' && <Badge>over</Badge>}
        </>
      ),
      sort: ({ until }) => until ?? '9',
    },
    {
      key: 'lift',
      head: '',
      cell: (revocation) => (
        <Button look="quiet" aria-label={`Lift: ${revocation.value}`} onClick={() => lift(revocation)}>
          Lift
        </Button>
      ),
    },
  ];
}

/** What it was about, where a page has it. */
function Value({ kind, value }: Revocation) {
  const text = <Foreign>{value}</Foreign>;
  if (kind === 'login')
    return (
      <Link to="/requests" search={{ login: value }}>
        {text}
      </Link>
    );
  if (kind === 'session')
    return (
      <Link to="/sessions/$id" params={{ id: value }}>
        {text}
      </Link>
    );
  return text;
}

function ShutOut({ onClose }: { onClose: () => void }) {
  const [kind, setKind] = useState<RevocationKind>('login');
  const [value, setValue] = useState('');
  const [reason, setReason] = useState('');
  const [lasts, setLasts] = useState<Lasts>('ever');
  const change = useChange(LIST, Revocation);
  const send = () => {
    const until = endOf(lasts, Date.parse(new Date().toISOString()));
    change.mutate({ method: 'POST', path: LIST, body: { kind, value, reason, until } }, { onSuccess: onClose });
  };
  const kinds = Object.keys(REVOCATION_KINDS).filter((each): each is RevocationKind => each in REVOCATION_KINDS);
  return (
    <Dialog
      title="Shut out"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="danger" disabled={value === '' || change.isPending} onClick={send}>
            Shut out
          </Button>
        </>
      }
    >
      <div className={styles.form}>
        <Choice
          label="What"
          options={kinds.map((each) => ({ value: each, name: REVOCATION_KINDS[each].name }))}
          chosen={kind}
          onChoose={setKind}
        />
        <Field
          label={REVOCATION_KINDS[kind].name}
          value={value}
          placeholder={REVOCATION_KINDS[kind].placeholder}
          onChange={setValue}
        />
        <Field label="Why" value={reason} placeholder="Whoever is shut out reads it" onChange={setReason} />
        <LastsChoice label="For" ever="until lifted" chosen={lasts} onChoose={setLasts} />
        <Problem error={change.error} />
      </div>
    </Dialog>
  );
}
