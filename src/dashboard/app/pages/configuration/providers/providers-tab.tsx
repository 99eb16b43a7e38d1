import { useMemo } from 'react';
import { useApi } from '../../../api/use-api.ts';
import { Badge } from '../../../design/badge.tsx';
import { Card } from '../../../design/card.tsx';
import { Foreign } from '../../../design/hostile.tsx';
import { Answer, Empty } from '../../../design/states.tsx';
import { ConfigNow, Providers } from '../answers.ts';
import type { Provider } from '../answers.ts';
import { configOf, fieldsOf, textOf } from '../config-text.ts';
import type { Fields } from '../config-text.ts';
import { Entries, Entry, Fact, Names } from '../entry.tsx';
import { keySource } from './key-source.ts';
import type { KeySource } from './key-source.ts';

const APIS: Record<string, string> = {
  openai_chat: 'OpenAI Chat',
  openai_responses: 'OpenAI Responses',
  anthropic_messages: 'Anthropic Messages',
  gemini_generate_content: 'Gemini',
  google_generate_content: 'Vertex Gemini',
  google_raw_predict: 'Vertex raw predict',
  bedrock_model_invoke: 'Bedrock InvokeModel',
  bedrock_converse: 'Bedrock Converse',
};

/** Who answers which models, over which APIs, and with whose key. */
export function ProvidersTab() {
  const providers = useApi('/api/providers', Providers);
  return (
    <Answer
      of={providers}
      lines={12}
      empty={{
        when: ({ length }) => length === 0,
        say: <Empty title="No provider">Add one under “providers” in the editor.</Empty>,
      }}
    >
      {(found) => <List providers={found} />}
    </Answer>
  );
}

function List({ providers }: { providers: readonly Provider[] }) {
  const now = useApi('/api/config', ConfigNow);
  const text = now.data?.config ?? '';
  const written = useMemo(() => fieldsOf(configOf(text)['providers']), [text]);
  const on = providers.filter(({ disabled = false }) => !disabled).length;
  return (
    <Card
      title="Providers"
      note={on === providers.length ? `${on}, all of them in use` : `${providers.length}, of which ${on} are in use`}
      flush
    >
      <Entries label="Providers">
        {providers.map((provider) => (
          <ProviderEntry key={provider.id} provider={provider} written={fieldsOf(written[provider.id])} />
        ))}
      </Entries>
    </Card>
  );
}

function ProviderEntry({ provider, written }: { provider: Provider; written: Fields }) {
  const { id, name, description, models, compatibility, disabled = false } = provider;
  const apis = Object.keys(compatibility).filter((flag) => compatibility[flag] === true);
  const preference = written['preference'];
  return (
    <Entry
      id={id}
      name={<Foreign>{name === '' ? id : name}</Foreign>}
      place={<Foreign>{id}</Foreign>}
      badges={
        disabled ? (
          <Badge title={written['disabled'] === true ? 'Disabled in the config' : 'It is left out while it has no key'}>
            {written['disabled'] === true ? 'disabled' : 'off: no key'}
          </Badge>
        ) : (
          <Badge tone="good">in use</Badge>
        )
      }
    >
      {description !== '' && (
        <Fact name="About">
          <Foreign>{description}</Foreign>
        </Fact>
      )}
      <Fact name="APIs">{apis.map((flag) => APIS[flag] ?? flag).join(', ')}</Fact>
      <Fact name={`Models (${models.length})`}>
        {models.length === 0 ? (
          'none'
        ) : (
          <Names
            names={models.map((model) => (
              <Foreign key={model}>{model}</Foreign>
            ))}
          />
        )}
      </Fact>
      <Fact name="Address">
        <code>
          <Foreign>{textOf(written['baseurl'])}</Foreign>
        </code>
      </Fact>
      <Fact name="Key">
        <KeyText of={keySource(written)} />
      </Fact>
      {typeof preference === 'number' && preference !== 0 && (
        <Fact name="Preference">{preference}: of several with a model, the highest is asked first</Fact>
      )}
    </Entry>
  );
}

function KeyText({ of }: { of: KeySource }) {
  switch (of.kind) {
    case 'environment':
      return (
        <>
          from the environment: <code>{of.names.join(', ')}</code>
          {of.optional && ', which may be absent'}
        </>
      );
    case 'sealed':
      return (
        <>
          sealed in the gateway’s store: <code>{of.reference}</code>
        </>
      );
    case 'client':
      return <>each client sends its own</>;
    case 'none':
      return <>none is sent</>;
    case 'written':
      return (
        <>
          written in the config’s file; the next save seals it <Badge tone="warn">in the clear</Badge>
        </>
      );
  }
}
