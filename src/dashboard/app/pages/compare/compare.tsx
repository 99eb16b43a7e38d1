import { useNavigate, useSearch } from '@tanstack/react-router';
import { ArrowLeftRight } from 'lucide-react';
import { useState } from 'react';
import { useApi } from '../../api/use-api.ts';
import { Button } from '../../design/button.tsx';
import { Card, PageHead } from '../../design/card.tsx';
import { Field } from '../../design/filter-bar.tsx';
import { Foreign } from '../../design/hostile.tsx';
import { Answer } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { time } from '../../design/format.ts';
import { RequestRecord } from '../request/record.ts';
import { factsOf } from './facts.ts';
import type { Fact } from './facts.ts';
import { Said } from './said.tsx';
import { CompareSearch } from './search.ts';
import styles from './compare.module.css';

/** What is the same in two requests, and what is another? */
export function Compare() {
  const { a, b } = useSearch({ from: '/compare' });
  const navigate = useNavigate({ from: '/compare' });
  const isWhole = a !== undefined && b !== undefined;
  return (
    <>
      <PageHead
        title="Compare"
        note="Two requests: what they have in common, and where they first differ"
        actions={
          isWhole && (
            <>
              <Button
                icon={<ArrowLeftRight size={15} aria-hidden />}
                onClick={() => void navigate({ search: { a: b, b: a } })}
              >
                Swap
              </Button>
              <Button onClick={() => void navigate({ search: { a, b: undefined } })}>Another…</Button>
            </>
          )
        }
      />
      {isWhole ? <Both key={`${a} ${b}`} a={a} b={b} /> : <Choose a={a} b={b} />}
    </>
  );
}

function Choose({ a: first = '', b: second = '' }: CompareSearch) {
  const [a, setA] = useState(first);
  const [b, setB] = useState(second);
  const navigate = useNavigate({ from: '/compare' });
  const said = CompareSearch.parse({ a: a.trim(), b: b.trim() });
  const problem = (typed: string, id: string | undefined) =>
    typed.trim() !== '' && id === undefined ? 'This is not the id of a request' : undefined;
  return (
    <Card>
      <form
        className={styles.choose}
        onSubmit={(event) => {
          event.preventDefault();
          void navigate({ search: said });
        }}
      >
        <p className={styles.soft}>The id of a request stands in the address of its page, and in the list of requests.</p>
        <Field label="The first request" value={a} code problem={problem(a, said.a)} onChange={setA} />
        <Field label="The second request" value={b} code problem={problem(b, said.b)} onChange={setB} />
        <div>
          <Button look="primary" type="submit" disabled={said.a === undefined || said.b === undefined}>
            Compare
          </Button>
        </div>
      </form>
    </Card>
  );
}

function Both({ a, b }: { a: string; b: string }) {
  const first = useApi(`/api/requests/${a.toLowerCase()}`, RequestRecord);
  const second = useApi(`/api/requests/${b.toLowerCase()}`, RequestRecord);
  return (
    <Answer of={first} lines={12}>
      {(one) => (
        <Answer of={second} lines={12}>
          {(other) => (
            <>
              {factsOf(one, other).map(({ title, facts }) => (
                <Card key={title} title={title} flush>
                  <Table
                    caption={`${title}, of both`}
                    columns={columnsOf(one, other)}
                    rows={facts}
                    id={({ name }) => name}
                    marked={({ isFigure, a: left, b: right }) => !isFigure && left !== right}
                  />
                </Card>
              ))}
              <Said a={one} b={other} />
            </>
          )}
        </Answer>
      )}
    </Answer>
  );
}

function columnsOf(a: RequestRecord, b: RequestRecord): Column<Fact>[] {
  const side = (key: 'a' | 'b', name: string, record: RequestRecord): Column<Fact> => ({
    key,
    head: `${name}, ${time(record.received_at)}`,
    cell: ({ [key]: text }) => (text === '' ? <span className={styles.none}>–</span> : <Foreign most={80}>{text}</Foreign>),
    title: ({ exact }) => exact?.[key],
  });
  return [
    { key: 'name', head: 'Fact', cell: ({ name }) => <span className={styles.soft}>{name}</span> },
    side('a', 'First', a),
    side('b', 'Second', b),
    { key: 'more', head: 'Difference', wide: true, cell: ({ more }) => <span className={styles.more}>{more}</span> },
  ];
}
