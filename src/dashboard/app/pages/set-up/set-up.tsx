import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Models, formatsOf } from '../../api/models.ts';
import type { Model } from '../../api/models.ts';
import { useApi } from '../../api/use-api.ts';
import { Card, PageHead } from '../../design/card.tsx';
import { Tabs } from '../../design/choice.tsx';
import { FilterBar } from '../../design/filter-bar.tsx';
import { plainText } from '../../design/hostile.tsx';
import { Picker } from '../../design/picker.tsx';
import { Answer, Empty } from '../../design/states.tsx';
import { CodeBlock } from '../../design/texts.tsx';
import { useMe } from '../../shell/me.tsx';
import { ANY_KEY, CLIENTS, OWN_TOKEN } from './clients.ts';
import type { Client } from './clients.ts';
import { CLIENT_IDS } from './search.ts';
import type { SetUpSearch } from './search.ts';
import styles from './set-up.module.css';

/** How do I point my tool at the gateway? */
export function SetUp() {
  const search = useSearch({ from: '/set-up' });
  const navigate = useNavigate({ from: '/set-up' });
  const change = (patch: Partial<SetUpSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...patch }), resetScroll: false });
  const models = useApi('/v1/models', Models);
  const chosen = search.client ?? 'claude-code';
  return (
    <>
      <PageHead
        title="Set up a client"
        note="A tool changes its base URL and nothing else: settings to copy, with your models in them"
      />
      <Tabs
        label="Client"
        options={CLIENT_IDS.map((value) => ({ value, name: CLIENTS[value].name }))}
        chosen={chosen}
        onChoose={(client) => change({ client })}
      >
        <Answer of={models} lines={12}>
          {({ data }) => <Settings client={CLIENTS[chosen]} models={data} search={search} change={change} />}
        </Answer>
      </Tabs>
    </>
  );
}

interface SettingsProps {
  client: Client;
  models: readonly Model[];
  search: SetUpSearch;
  change: (patch: Partial<SetUpSearch>) => void;
}

function Settings({ client, models, search, change }: SettingsProps) {
  const isToken = useMe().identity_source === 'token';
  const usable = models.flatMap((model) => {
    const format = client.formats.find((each) => formatsOf(model).includes(each));
    return format === undefined ? [] : [{ model, format }];
  });
  const [first] = usable;
  if (first === undefined) {
    return (
      <Empty title={`No model of yours works with ${client.name}`}>
        It needs one that a provider serves in its format. <Link to="/models">Your models</Link>
      </Empty>
    );
  }
  const chosen = usable.find(({ model }) => model.id === search.model) ?? first;
  const target = { ...chosen, origin: window.location.origin, key: isToken ? OWN_TOKEN : ANY_KEY };
  return (
    <div className={styles.page}>
      <FilterBar>
        <Picker
          label="Model"
          options={usable.map(({ model: { id } }) => ({ value: id, name: plainText(id) }))}
          picked={chosen.model.id}
          onPick={(id) => change({ model: id })}
        />
      </FilterBar>
      <p className={styles.note}>
        {isToken
          ? `You are known by a token of this gateway: put it in the place of ${OWN_TOKEN}.`
          : 'You are known by your device. The key is there because clients want one: any text will do.'}
        {client.note !== undefined && ` ${client.note}`}
      </p>
      {client.snippets(target).map(({ place, text }) => (
        <Card key={place} title={place}>
          <CodeBlock label={place} text={text} />
        </Card>
      ))}
    </div>
  );
}
