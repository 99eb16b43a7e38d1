import { PageHead } from '../../design/card.tsx';

export function Overview() {
  return <PageHead title="Overview" />;
}
