import { firstRequest } from '../../api/first-request.ts';
import { Models } from '../../api/models.ts';
import { useApi } from '../../api/use-api.ts';
import { Card } from '../../design/card.tsx';
import { Loading } from '../../design/states.tsx';
import { CodeBlock } from '../../design/texts.tsx';

import styles from './overview.module.css';

/** Nothing was asked yet: how one begins. */
export function Begin() {
  const models = useApi('/v1/models', Models);
  const origin = window.location.origin;
  if (models.isLoading) return <Loading lines={8} />;
  const usable = models.data?.data ?? [];
  return (
    <Card title="Nothing in this time. How to begin">
      <div className={styles.begin}>
        <p>
          Point a client at this gateway in place of its provider. It knows you by your device: any key will do, and the
          key of the provider is put on here.
        </p>
        <dl className={styles.addresses}>
          <dt>OpenAI’s clients</dt>
          <dd>
            <code>{`${origin}/v1`}</code>
          </dd>
          <dt>Anthropic’s, Google’s</dt>
          <dd>
            <code>{origin}</code>
          </dd>
        </dl>
        <p>
          {models.error === null && usable.length === 0
            ? 'No model is open to you yet: ask an admin for a grant. Then:'
            : 'Or by hand:'}
        </p>
        <CodeBlock label="A first request" text={firstRequest(origin, usable)} />
      </div>
    </Card>
  );
}
