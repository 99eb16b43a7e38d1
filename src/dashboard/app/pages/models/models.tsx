import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Models as ModelList, FORMATS, formatsOf } from '../../api/models.ts';
import type { Model } from '../../api/models.ts';
import { useApi } from '../../api/use-api.ts';
import { Badge } from '../../design/badge.tsx';
import { Card, PageHead } from '../../design/card.tsx';
import { Field, FilterBar } from '../../design/filter-bar.tsx';
import { count, countExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Picker } from '../../design/picker.tsx';
import { Answer, Empty } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { isAskable } from '../playground/choose.ts';
import { matching, perMillion, priceOf } from './list.ts';
import styles from './models.module.css';
import type { ModelsSearch } from './search.ts';

/** Which models may I use, in which formats, and what do they cost? */
export function ModelsPage() {
  const search = useSearch({ from: '/models' });
  const navigate = useNavigate({ from: '/models' });
  const change = (patch: Partial<ModelsSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...patch }), replace: true, resetScroll: false });
  const models = useApi('/v1/models', ModelList);
  const all = models.data?.data ?? [];
  return (
    <>
      <PageHead
        title="Models"
        note="What your grants let you use. A request names one of these, whatever client it comes from"
      />
      <Filters models={all} search={search} change={change} />
      <Answer
        of={models}
        lines={12}
        empty={{
          when: ({ data }) => data.length === 0,
          say: <Empty title="No model is open to you">Ask an admin for a grant that names one.</Empty>,
        }}
      >
        {({ data }) => <List models={matching(data, search)} of={data.length} />}
      </Answer>
    </>
  );
}

interface FiltersProps {
  models: readonly Model[];
  search: ModelsSearch;
  change: (patch: Partial<ModelsSearch>) => void;
}

function Filters({ models, search, change }: FiltersProps) {
  const isNarrowed = Object.values(search).some((value) => value !== undefined);
  const providers = new Map(models.map(({ metadata: { provider } }) => [provider.id, provider.name]));
  const formats = Object.entries(FORMATS).filter(([, { path }]) =>
    models.some(({ supported_endpoints }) => supported_endpoints.includes(path)),
  );
  return (
    <FilterBar
      onClear={isNarrowed ? () => change({ q: undefined, provider: undefined, format: undefined }) : undefined}
    >
      <Field
        label="Search"
        type="search"
        value={search.q ?? ''}
        placeholder="A name, or part of one"
        onChange={(value) => change({ q: value === '' ? undefined : value })}
      />
      <Picker
        label="Provider"
        options={[...providers].map(([value, name]) => ({ value, name: name === '' ? value : name }))}
        picked={search.provider}
        onPick={(provider) => change({ provider })}
      />
      <Picker
        label="Format"
        options={formats.map(([value, { name }]) => ({ value, name }))}
        picked={search.format}
        onPick={(format) => change({ format })}
      />
    </FilterBar>
  );
}

function List({ models, of }: { models: readonly Model[]; of: number }) {
  if (models.length === 0) return <Empty title="Nothing matches">No model of yours passes the filters.</Empty>;
  const isPriced = models.some(({ pricing }) => pricing !== undefined);
  return (
    <Card
      title={
        models.length === of ? `${countExact(of)} models` : `${countExact(models.length)} of ${countExact(of)} models`
      }
      note={
        isPriced
          ? 'Prices in dollars for a million tokens. A dash: not known'
          : 'Prices are not known, or not yours to see'
      }
      flush
    >
      <Table
        caption="Models"
        columns={isPriced ? [...NAMES, ...PRICES, ...LIMITS, ...SET_UP] : [...NAMES, ...LIMITS, ...SET_UP]}
        rows={models}
        id={({ id, metadata }) => `${metadata.provider.id}/${id}`}
        most={100}
      />
    </Card>
  );
}

const NONE = '–';

const NAMES: Column<Model>[] = [
  {
    key: 'model',
    head: 'Model',
    wide: true,
    cell: ({ id }) => (
      <Link to="/" search={{ model: id }} className={styles.model} title="Your use of it">
        <Foreign>{id}</Foreign>
      </Link>
    ),
    sort: ({ id }) => id,
  },
  {
    key: 'provider',
    head: 'Provider',
    cell: ({ metadata: { provider } }) => <Foreign>{provider.name === '' ? provider.id : provider.name}</Foreign>,
    title: ({ metadata: { provider } }) =>
      provider.requires_client_auth ? 'You bring the key for it yourself' : provider.description || undefined,
    sort: ({ metadata: { provider } }) => provider.id,
  },
  {
    key: 'formats',
    head: 'Formats',
    minor: true,
    cell: (model) => (
      <span className={styles.formats}>
        {formatsOf(model).map((format) => (
          <Badge key={format} title={FORMATS[format].path}>
            {FORMATS[format].name}
          </Badge>
        ))}
      </span>
    ),
  },
];

const PRICES: Column<Model>[] = [
  price('input', 'In', 'input'),
  price('cached', 'From cache', 'input_cache_read'),
  price('output', 'Out', 'output'),
];

function price(key: string, head: string, name: string): Column<Model> {
  return {
    key,
    head,
    figure: true,
    cell: ({ pricing }) => perMillion(pricing?.[name]) ?? NONE,
    sort: ({ pricing }) => priceOf(pricing?.[name]),
  };
}

const LIMITS: Column<Model>[] = [
  limit('context', 'Context', ({ context_window_tokens }) => context_window_tokens),
  limit('most_out', 'Most out', ({ max_output_tokens }) => max_output_tokens),
];

function limit(key: string, head: string, of: (model: Model) => number | undefined): Column<Model> {
  return {
    key,
    head,
    figure: true,
    minor: true,
    cell: (model) => shown(of(model), count),
    title: (model) => shown(of(model), (tokens) => `${countExact(tokens)} tokens`),
    sort: (model) => of(model) ?? -1,
  };
}

function shown(tokens: number | undefined, how: (tokens: number) => string): string {
  return tokens === undefined ? NONE : how(tokens);
}

const SET_UP: Column<Model>[] = [
  {
    key: 'set_up',
    head: '',
    cell: (model) => (
      <span className={styles.ways}>
        {isAskable(model) && (
          <Link
            to="/playground"
            search={{ model: model.id, provider: model.metadata.provider.id }}
            title="Ask it in the playground"
          >
            Try
          </Link>
        )}
        <Link to="/set-up" search={{ model: model.id }} title="Settings for clients, with this model">
          Set up
        </Link>
      </span>
    ),
  },
];
