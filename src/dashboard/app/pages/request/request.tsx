import { PageHead } from '../../design/card.tsx';

export function RequestPage() {
  return <PageHead title="Request" />;
}
