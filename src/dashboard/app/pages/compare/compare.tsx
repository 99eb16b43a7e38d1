import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { ArrowLeftRight } from 'lucide-react';
import { useState } from 'react';
import { useApi } from '../../api/use-api.ts';
import { Button } from '../../design/button.tsx';
import { Card, Columns, PageHead } from '../../design/card.tsx';
import { Field } from '../../design/filter-bar.tsx';
import { Foreign } from '../../design/hostile.tsx';
import { Answer } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { time } from '../../design/format.ts';
import { visible } from '../logs/visible.ts';
import { RequestRecord } from '../request/record.ts';
import { figuresOf, wordsOf } from './facts.ts';
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
        <p className={styles.soft}>
          The id of a request stands in the address of its page, and in the list of requests.
        </p>
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
              <Columns least="32rem">
                <Card title="What it was" note={<Which a={one} b={other} />} flush>
                  <div className={styles.words}>
                    <Table
                      caption="What both were"
                      columns={wordColumns()}
                      rows={wordsOf(one, other)}
                      id={({ name }) => name}
                      marked={(fact) => fact.a !== fact.b}
                    />
                  </div>
                </Card>
                <Card title="Time, tokens and cost" note="The difference is what the second has more" flush>
                  <Table
                    caption="Figures of both"
                    columns={figureColumns()}
                    rows={figuresOf(one, other)}
                    id={({ name }) => name}
                  />
                </Card>
              </Columns>
              <Said a={one} b={other} />
            </>
          )}
        </Answer>
      )}
    </Answer>
  );
}

function Which({ a, b }: { a: RequestRecord; b: RequestRecord }) {
  const link = ({ id, received_at }: RequestRecord) => (
    <Link to="/requests/$id" params={{ id }} title={id}>
      {time(received_at)}
    </Link>
  );
  return (
    <>
      First {link(a)}, second {link(b)}. What differs is marked
    </>
  );
}

const NAME: Column<Fact> = {
  key: 'name',
  head: 'Fact',
  cell: ({ name }) => <span className={styles.soft}>{name}</span>,
};

function wordColumns(): Column<Fact>[] {
  const side = (key: 'a' | 'b', head: string): Column<Fact> => ({
    key,
    head,
    cell: ({ [key]: text }) => <Text text={text} />,
    title: ({ [key]: text }) => visible(text),
  });
  return [NAME, side('a', 'First'), side('b', 'Second')];
}

function figureColumns(): Column<Fact>[] {
  const side = (key: 'a' | 'b', head: string): Column<Fact> => ({
    key,
    head,
    figure: true,
    cell: ({ [key]: text }) => <Text text={text} />,
    title: ({ exact }) => exact?.[key],
  });
  return [
    { ...NAME, wide: true },
    side('a', 'First'),
    side('b', 'Second'),
    { key: 'more', head: 'Difference', figure: true, cell: ({ more }) => <span className={styles.soft}>{more}</span> },
  ];
}

function Text({ text }: { text: string }) {
  return text === '' ? <span className={styles.none}>–</span> : <Foreign most={80}>{text}</Foreign>;
}
