import { PageHead } from '../../design/card.tsx';

export function Session() {
  return <PageHead title="Session" />;
}
