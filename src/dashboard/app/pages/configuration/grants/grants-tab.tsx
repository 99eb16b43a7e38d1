import { useMemo } from 'react';
import { useApi } from '../../../api/use-api.ts';
import { Badge } from '../../../design/badge.tsx';
import { Card } from '../../../design/card.tsx';
import { Foreign } from '../../../design/hostile.tsx';
import { Answer, Empty } from '../../../design/states.tsx';
import { ConfigNow } from '../answers.ts';
import { configOf } from '../config-text.ts';
import { Entries, Entry, Fact, Names } from '../entry.tsx';
import { Explainer, useExplanation } from './explainer.tsx';
import styles from './grants.module.css';
import { grantsOf, sourceText } from './read-grants.ts';
import type { Capability, Grant } from './read-grants.ts';

/** Who may do what, as it is written, and why somebody may or may not. */
export function GrantsTab() {
  const now = useApi('/api/config', ConfigNow);
  const explanation = useExplanation();
  const matching = useMemo(() => new Set((explanation.data?.grants ?? []).map(({ id }) => id)), [explanation.data]);
  return (
    <>
      <Explainer of={explanation} />
      <Answer of={now} lines={12}>
        {({ config }) => <Grants text={config} matching={matching} />}
      </Answer>
    </>
  );
}

function Grants({ text, matching }: { text: string; matching: ReadonlySet<string> }) {
  const grants = useMemo(() => grantsOf(configOf(text)), [text]);
  if (grants.length === 0) return <Empty title="No grant">Without one nobody may do anything.</Empty>;
  return (
    <Card
      title="Grants"
      note={
        matching.size === 0
          ? 'What several grants give adds up. Grants of the tailnet policy file come with a device and are not here.'
          : 'Those that mean the caller above are marked.'
      }
      flush
    >
      <Entries label="Grants">
        {grants.map((grant) => (
          <GrantEntry key={grant.id} grant={grant} marked={matching.has(grant.id)} />
        ))}
      </Entries>
    </Card>
  );
}

function GrantEntry({ grant: { id, src, capabilities, others }, marked }: { grant: Grant; marked: boolean }) {
  const roles = [...new Set(capabilities.flatMap(({ role }) => role ?? []))];
  const may = [...new Set(capabilities.flatMap((each) => each.may))];
  const mayNot = [...new Set(capabilities.flatMap((each) => each.mayNot))];
  const headers = [...new Set(capabilities.flatMap((each) => each.filterableHeaders))];
  const connectors = [...new Set(capabilities.flatMap((each) => each.connectors))];
  const aboutModels = capabilities.filter(isAboutModels);
  return (
    <Entry
      id={id}
      name={<Sources src={src} />}
      place={id}
      marked={marked}
      badges={
        <>
          {roles.map((role) => (
            <Badge key={role} tone={role === 'admin' ? 'accent' : 'neutral'}>
              {role}
            </Badge>
          ))}
          {marked && <Badge tone="accent">matches</Badge>}
        </>
      }
    >
      {aboutModels.map((capability, at) => (
        <Fact key={at} name={capability.models === undefined ? 'Every model' : 'May use'}>
          <Attached capability={capability} />
        </Fact>
      ))}
      {may.length > 0 && <Fact name="May read">{may.join(', ')}</Fact>}
      {mayNot.length > 0 && <Fact name="May not read">{mayNot.join(', ')}</Fact>}
      {headers.length > 0 && (
        <Fact name="May filter by">
          <Names
            names={headers.map((name) => (
              <Foreign key={name}>{name}</Foreign>
            ))}
          />
        </Fact>
      )}
      {connectors.length > 0 && (
        <Fact name="Connectors">
          <Names
            names={connectors.map((name) => (
              <Foreign key={name}>{name}</Foreign>
            ))}
          />
        </Fact>
      )}
      {others.length > 0 && (
        <Fact name="Told to hooks">
          <Names
            names={others.map((name) => (
              <Foreign key={name}>{name}</Foreign>
            ))}
          />
        </Fact>
      )}
      {capabilities.length + others.length === 0 && <Fact name="Gives">nothing that can be read</Fact>}
    </Entry>
  );
}

function isAboutModels({ models, quotas, hooks, addHeaders }: Capability): boolean {
  return models !== undefined || quotas.length + hooks.length + addHeaders.length > 0;
}

function Sources({ src }: { src: readonly string[] }) {
  return (
    <span className={styles.sources}>
      {src.map((word) => (
        <span key={word} title={word}>
          <Foreign>{sourceText(word)}</Foreign>
        </span>
      ))}
      {src.length === 0 && 'nobody'}
    </span>
  );
}

/** A glob, and what each request is charged to, sent through and given. */
function Attached({ capability: { models, quotas, hooks, addHeaders } }: { capability: Capability }) {
  return (
    <span className={styles.attached}>
      {models !== undefined && (
        <code className={styles.glob}>
          <Foreign>{models}</Foreign>
        </code>
      )}
      {quotas.map((bucket) => (
        <span key={`quota ${bucket}`}>
          charged to <Code>{bucket}</Code>
        </span>
      ))}
      {hooks.map(({ name, events, send }) => (
        <span key={`hook ${name}`} title={send.length === 0 ? undefined : `is told: ${send.join(', ')}`}>
          through <Code>{name}</Code>
          {events.length > 0 && ` on ${events.join(', ')}`}
        </span>
      ))}
      {addHeaders.map((name) => (
        <span key={`header ${name}`}>
          with the header <Code>{name}</Code>
        </span>
      ))}
    </span>
  );
}

function Code({ children }: { children: string }) {
  return (
    <code>
      <Foreign>{children}</Foreign>
    </code>
  );
}
