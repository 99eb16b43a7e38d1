import { PageHead } from '../../design/card.tsx';
import { AdminsOnly } from '../../shell/me.tsx';

export function Adoption() {
  return (
    <AdminsOnly>
      <PageHead title="Adoption" />
    </AdminsOnly>
  );
}
