import { useMemo } from 'react';
import { Badge } from '../../../design/badge.tsx';
import { Card } from '../../../design/card.tsx';
import { Foreign } from '../../../design/hostile.tsx';
import { Empty } from '../../../design/states.tsx';
import { configOf, fieldsOf, textOf, textsOf } from '../config-text.ts';
import type { Fields } from '../config-text.ts';
import { Entries, Entry, Fact, Names } from '../entry.tsx';
import { attachedBy, grantsOf, sourceText } from '../grants/read-grants.ts';
import type { Grant } from '../grants/read-grants.ts';

/** What each quota of the config allows, and which grants charge it. */
export function Definitions({ text }: { text: string }) {
  const [quotas, attached] = useMemo(() => {
    const config = configOf(text);
    return [Object.entries(fieldsOf(config['quotas'])), attachedBy(grantsOf(config), 'quotas')];
  }, [text]);
  if (quotas.length === 0) {
    return (
      <Card title="Quotas of the config">
        <Empty title="No quota">
          Nothing limits what may be spent. Add one under “quotas”, and name it in a grant.
        </Empty>
      </Card>
    );
  }
  return (
    <Card title="Quotas of the config" note="A quota that no grant names does nothing." flush>
      <Entries label="Quotas">
        {quotas.map(([name, quota]) => (
          <QuotaEntry key={name} name={name} quota={fieldsOf(quota)} grants={attached.get(name) ?? []} />
        ))}
      </Entries>
    </Card>
  );
}

function QuotaEntry({ name, quota, grants }: { name: string; quota: Fields; grants: readonly Grant[] }) {
  const overdraft = textsOf(quota['overdraft']);
  const rate = textOf(quota['rate']);
  const status = quota['deny_status'];
  return (
    <Entry
      pairs
      id={name}
      name={<Foreign>{name}</Foreign>}
      badges={grants.length === 0 && <Badge tone="warn">no grant names it</Badge>}
    >
      <Fact name="Holds">
        <Foreign>{textOf(quota['capacity'])}</Foreign>
        {rate === '' ? ', and nothing flows back' : ', of which flow back '}
        <Foreign>{rate}</Foreign>
      </Fact>
      <Fact name="Buckets">{scope(name)}</Fact>
      <Fact name="Lets in">
        {quota['reserve'] === 'strict' ? 'only what is covered at its highest possible cost' : 'while anything is left'}
      </Fact>
      {overdraft.length > 0 && (
        <Fact name="Borrows from">
          <Names
            names={overdraft.map((each) => (
              <Foreign key={each}>{each}</Foreign>
            ))}
          />
        </Fact>
      )}
      <Fact name="When empty">
        refused with {typeof status === 'number' ? status : 429}
        {quota['fail'] === 'local' && '; while the store is away it goes on by what was last known'}
      </Fact>
      {grants.length > 0 && (
        <Fact name="Charged by" wide>
          {grants.map(({ id, src }) => (
            <div key={id}>
              <code>{id}</code>: <Foreign>{src.map(sourceText).join(', ')}</Foreign>
            </div>
          ))}
        </Fact>
      )}
    </Entry>
  );
}

function scope(name: string): string {
  if (name.includes(':<user>')) return 'one for each login';
  if (name.includes(':<node>')) return 'one for each device';
  return 'one, shared by all who are charged to it';
}
