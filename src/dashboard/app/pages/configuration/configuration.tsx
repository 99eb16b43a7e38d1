import { PageHead } from '../../design/card.tsx';
import { AdminsOnly } from '../../shell/me.tsx';

export function Configuration() {
  return (
    <AdminsOnly>
      <PageHead title="Configuration" />
    </AdminsOnly>
  );
}
