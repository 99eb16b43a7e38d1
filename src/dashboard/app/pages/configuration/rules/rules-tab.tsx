import { useMemo } from 'react';
import { useApi } from '../../../api/use-api.ts';
import { Badge } from '../../../design/badge.tsx';
import { Button } from '../../../design/button.tsx';
import { Card } from '../../../design/card.tsx';
import { Foreign } from '../../../design/hostile.tsx';
import { Answer, Empty } from '../../../design/states.tsx';
import { ConfigNow } from '../answers.ts';
import { configOf } from '../config-text.ts';
import { Entries, Entry, Fact } from '../entry.tsx';
import { attachedBy, grantsOf, sourceText } from '../grants/read-grants.ts';
import type { Grant } from '../grants/read-grants.ts';
import { usePlace } from '../use-place.ts';
import { Bench } from './bench.tsx';
import { KINDS } from './kinds.ts';
import { rulesOf } from './read-rules.ts';
import type { WrittenRule } from './read-rules.ts';

/** What looks at requests and responses, for whom, and what it would say of a text. */
export function RulesTab() {
  const now = useApi('/api/config', ConfigNow);
  return (
    <Answer of={now} lines={12}>
      {({ config }) => <Rules text={config} />}
    </Answer>
  );
}

function Rules({ text }: { text: string }) {
  const [rules, attached] = useMemo(() => {
    const config = configOf(text);
    return [rulesOf(config), attachedBy(grantsOf(config), 'hooks')];
  }, [text]);
  return (
    <>
      <Card
        title="Hooks and rules"
        note="In the order in which they run. None does anything until a grant names it."
        flush
      >
        {rules.length === 0 ? (
          <Empty title="No hook and no rule">
            Requests and responses pass as they are. Try a rule below, and add it under “hooks”.
          </Empty>
        ) : (
          <Entries label="Hooks and rules">
            {rules.map((rule) => (
              <RuleEntry key={rule.name} rule={rule} grants={attached.get(rule.name) ?? []} />
            ))}
          </Entries>
        )}
      </Card>
      <Bench rules={rules} />
    </>
  );
}

const ACTIONS: Record<string, string> = {
  block: 'refuses the request',
  redact: 'writes [redacted] in place of it',
  tokenise: 'puts placeholders in its place, which become the values again for the client',
  flag: 'lets it pass, and records it',
};

function RuleEntry({ rule, grants }: { rule: WrittenRule; grants: readonly Grant[] }) {
  const [, go] = usePlace();
  const { name, kind, what, url, action, sides, shadow, disabled, preference, failPolicy } = rule;
  const isHook = kind === 'hook';
  const events = grants.flatMap(({ capabilities }) =>
    capabilities.flatMap(({ hooks }) => hooks.filter((hook) => hook.name === name).flatMap((hook) => hook.events)),
  );
  return (
    <Entry
      pairs
      id={name}
      name={<Foreign>{name}</Foreign>}
      place={isHook ? 'external hook' : (KINDS[what] ?? what)}
      badges={
        <>
          {disabled && <Badge>disabled</Badge>}
          {shadow && <Badge title="Verdicts are recorded, and nothing is changed or refused">only recorded</Badge>}
          {grants.length === 0 && <Badge tone="warn">no grant names it</Badge>}
        </>
      }
      actions={
        !disabled && (
          <Button
            look="quiet"
            aria-label={`Try it: ${name}`}
            onClick={() => {
              go({ rule: name });
              document.getElementById('bench')?.scrollIntoView({ block: 'start' });
            }}
          >
            Try it
          </Button>
        )
      }
    >
      {isHook ? (
        <>
          <Fact name="Calls">
            <code>
              <Foreign>{url}</Foreign>
            </code>
          </Fact>
          {events.length > 0 && <Fact name="On">{[...new Set(events)].join(', ')}</Fact>}
        </>
      ) : (
        <>
          <Fact name="On a find">{ACTIONS[action] ?? action}</Fact>
          <Fact name="Looks at">{sides.join(' and ')}</Fact>
        </>
      )}
      <Fact name="If it fails">{failPolicy === 'fail_open' ? 'requests go on' : 'requests are refused'}</Fact>
      {preference !== 0 && <Fact name="Preference">{preference}</Fact>}
      {grants.length > 0 && (
        <Fact name="Attached by" wide>
          {grants.map(({ id, src, capabilities }) => (
            <div key={id}>
              <code>{id}</code>: <Foreign>{src.map(sourceText).join(', ')}</Foreign> for{' '}
              <Foreign>{modelsOf(name, capabilities)}</Foreign>
            </div>
          ))}
        </Fact>
      )}
    </Entry>
  );
}

function modelsOf(name: string, capabilities: Grant['capabilities']): string {
  const naming = capabilities.filter(({ hooks }) => hooks.some((hook) => hook.name === name));
  return [...new Set(naming.map(({ models }) => models ?? 'every model'))].join(', ');
}
