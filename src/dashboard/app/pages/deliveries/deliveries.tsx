import { useNavigate, useSearch } from '@tanstack/react-router';
import { useApi } from '../../api/use-api.ts';
import { PageHead } from '../../design/card.tsx';
import { Tabs } from '../../design/choice.tsx';
import { Answer } from '../../design/states.tsx';
import { AdminsOnly } from '../../shell/me.tsx';
import { Destinations } from './answers.ts';
import { DestinationsTab } from './destinations-tab.tsx';
import { ExportTab } from './export-tab.tsx';
import { LettersTab } from './letters-tab.tsx';
import type { DeliveriesSearch } from './search.ts';

const DESTINATIONS = '/api/destinations';
const EVERY_MS = 10_000;

/** What goes out, and does it arrive? */
export function DeliveriesPage() {
  const search = useSearch({ from: '/deliveries' });
  const navigate = useNavigate({ from: '/deliveries' });
  const change = (patch: Partial<DeliveriesSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...patch }), resetScroll: false, replace: true });
  return (
    <>
      <PageHead title="Deliveries" note="What the gateway tells others, and whether it arrives" />
      <AdminsOnly>
        <Tabs
          label="Deliveries"
          options={[
            { value: 'webhooks', name: 'Destinations' },
            { value: 's3', name: 'Export to S3' },
            { value: 'letters', name: 'Dead letters' },
          ]}
          chosen={search.tab ?? 'webhooks'}
          onChoose={(tab) => change({ tab })}
        >
          {search.tab === 'letters' ? <LettersTab /> : <Chosen search={search} change={change} />}
        </Tabs>
      </AdminsOnly>
    </>
  );
}

function Chosen({ search, change }: { search: DeliveriesSearch; change: (patch: Partial<DeliveriesSearch>) => void }) {
  const told = useApi(DESTINATIONS, Destinations, { everyMs: EVERY_MS });
  return (
    <Answer of={told} lines={12}>
      {(known) =>
        search.tab === 's3' ? (
          <ExportTab known={known} />
        ) : (
          <DestinationsTab known={known} search={search} change={change} />
        )
      }
    </Answer>
  );
}
