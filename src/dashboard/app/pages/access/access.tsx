import { useNavigate, useSearch } from '@tanstack/react-router';
import { PageHead } from '../../design/card.tsx';
import { Tabs } from '../../design/choice.tsx';
import { AdminsOnly } from '../../shell/me.tsx';
import { KillSwitch } from './kill-switch.tsx';
import { TokenList } from './tokens.tsx';

/** Who is shut out, and who has a token? */
export function AccessPage() {
  const { tab = 'kill-switch' } = useSearch({ from: '/access' });
  const navigate = useNavigate({ from: '/access' });
  return (
    <>
      <PageHead title="Access" note="Who is shut out, and which machines have a token. What each may do, grants say" />
      <AdminsOnly>
        <Tabs
          label="Access"
          options={[
            { value: 'kill-switch', name: 'Kill switch' },
            { value: 'tokens', name: 'Tokens' },
          ]}
          chosen={tab}
          onChoose={(chosen) => void navigate({ search: { tab: chosen } })}
        >
          {tab === 'tokens' ? <TokenList /> : <KillSwitch />}
        </Tabs>
      </AdminsOnly>
    </>
  );
}
