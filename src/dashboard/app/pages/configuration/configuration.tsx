import { lazy, Suspense } from 'react';
import { PageHead } from '../../design/card.tsx';
import { Tabs } from '../../design/choice.tsx';
import { Loading } from '../../design/states.tsx';
import { AdminsOnly } from '../../shell/me.tsx';
import { DraftGuard, DraftOwner, useDraft } from './draft.tsx';
import { GrantsTab } from './grants/grants-tab.tsx';
import { ProvidersTab } from './providers/providers-tab.tsx';
import { QuotasTab } from './quotas/quotas-tab.tsx';
import { RulesTab } from './rules/rules-tab.tsx';
import type { Tab } from './search.ts';
import { usePlace } from './use-place.ts';
import { VersionsTab } from './versions/versions-tab.tsx';

/** The editor is most of this page's code, and nobody else needs it. */
const EditorTab = lazy(async () => ({ default: (await import('./editor/editor-tab.tsx')).EditorTab }));

/** What is this gateway set to do, since when, and what would happen if that changed? */
export function Configuration() {
  return (
    <AdminsOnly>
      <DraftOwner>
        <PageHead title="Configuration" note="What the gateway is set to do, who changed it, and who may do what." />
        <Views />
        <DraftGuard />
      </DraftOwner>
    </AdminsOnly>
  );
}

function Views() {
  const [{ tab = 'editor' }, go] = usePlace();
  const { isChanged } = useDraft();
  const names: readonly { value: Tab; name: string }[] = [
    { value: 'editor', name: isChanged ? 'Editor •' : 'Editor' },
    { value: 'versions', name: 'Versions' },
    { value: 'providers', name: 'Providers' },
    { value: 'grants', name: 'Grants' },
    { value: 'quotas', name: 'Quotas' },
    { value: 'rules', name: 'Hooks and rules' },
  ];
  return (
    <Tabs label="Views of the configuration" options={names} chosen={tab} onChoose={(value) => go({ tab: value })}>
      <Suspense fallback={<Loading lines={12} />}>
        <View tab={tab} />
      </Suspense>
    </Tabs>
  );
}

function View({ tab }: { tab: Tab }) {
  switch (tab) {
    case 'editor':
      return <EditorTab />;
    case 'versions':
      return <VersionsTab />;
    case 'providers':
      return <ProvidersTab />;
    case 'grants':
      return <GrantsTab />;
    case 'quotas':
      return <QuotasTab />;
    case 'rules':
      return <RulesTab />;
  }
}
