import { PageHead } from '../../design/card.tsx';

export function Sessions() {
  return <PageHead title="Sessions" />;
}
