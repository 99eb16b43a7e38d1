import { PageHead } from '../../design/card.tsx';

export function Requests() {
  return <PageHead title="Requests" />;
}
