import { useApi } from '../../../api/use-api.ts';
import { Answer } from '../../../design/states.tsx';
import { ConfigNow } from '../answers.ts';
import { Buckets } from './buckets.tsx';
import { Definitions } from './definitions.tsx';

/** How much is left of each budget, and what each budget is. */
export function QuotasTab() {
  const now = useApi('/api/config', ConfigNow);
  return (
    <>
      <Buckets />
      <Answer of={now} lines={6}>
        {({ config }) => <Definitions text={config} />}
      </Answer>
    </>
  );
}
