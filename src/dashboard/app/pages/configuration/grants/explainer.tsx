import type { UseQueryResult } from '@tanstack/react-query';
import { CircleCheck, CircleSlash, Info } from 'lucide-react';
import { useState } from 'react';
import { pathOf } from '../../../api/client.ts';
import { useApi } from '../../../api/use-api.ts';
import { Badge } from '../../../design/badge.tsx';
import { Button } from '../../../design/button.tsx';
import { Card } from '../../../design/card.tsx';
import { Field } from '../../../design/filter-bar.tsx';
import { Foreign } from '../../../design/hostile.tsx';
import { Answer } from '../../../design/states.tsx';
import { Explanation } from '../answers.ts';
import { usePlace } from '../use-place.ts';
import styles from './grants.module.css';
import { stepsOf } from './steps.ts';
import type { Step } from './steps.ts';

/** What the gateway says of the caller that the address names; nothing is asked where it names none. */
export function useExplanation(): UseQueryResult<Explanation> {
  const [{ login, node, tags, groups, model }] = usePlace();
  const isAsked = login !== undefined || tags !== undefined;
  return useApi(pathOf('/api/explain', { login, node, tags, groups, model }), Explanation, {
    enabled: isAsked,
    keep: true,
  });
}

/** May somebody use a model, by which grant, and what would become of the request? */
export function Explainer({ of }: { of: UseQueryResult<Explanation> }) {
  const [{ login, tags }] = usePlace();
  return (
    <Card title="Who may do what, and why" note="Decided by the rules that decide requests; nothing is sent.">
      <div className={styles.explainer}>
        <Question />
        {(login !== undefined || tags !== undefined) && (
          <Answer of={of} lines={6}>
            {(explanation) => <Told explanation={explanation} />}
          </Answer>
        )}
      </div>
    </Card>
  );
}

function Question() {
  const [place, go] = usePlace();
  const [login, setLogin] = useState(place.login ?? '');
  const [node, setNode] = useState(place.node ?? '');
  const [tags, setTags] = useState(place.tags ?? '');
  const [groups, setGroups] = useState(place.groups ?? '');
  const [model, setModel] = useState(place.model ?? '');
  const isNobody = login.trim() === '' && tags.trim() === '';
  const isBoth = login.trim() !== '' && tags.trim() !== '';
  return (
    <form
      className={styles.question}
      onSubmit={(event) => {
        event.preventDefault();
        go({
          login: given(login),
          node: given(node),
          tags: given(tags),
          groups: given(groups),
          model: given(model),
        });
      }}
    >
      <Field label="Login" value={login} onChange={setLogin} placeholder="alice@example.com" />
      <Field label="Groups of the login" value={groups} onChange={setGroups} placeholder="group:eng" />
      <Field
        label="Or tags of a device"
        value={tags}
        onChange={setTags}
        placeholder="tag:ci"
        problem={isBoth ? 'a login or tags, not both' : undefined}
      />
      <Field label="Device" value={node} onChange={setNode} placeholder="any" />
      <Field label="Model" value={model} onChange={setModel} placeholder="gpt-5-mini" />
      <Button look="primary" type="submit" disabled={isNobody || isBoth}>
        Explain
      </Button>
    </form>
  );
}

function given(text: string): string | undefined {
  return text.trim() === '' ? undefined : text.trim();
}

function Told({ explanation }: { explanation: Explanation }) {
  const { caller, role, model } = explanation;
  const isAllowed = model === null ? role !== null : model.allowed;
  const subject = model === null ? 'this gateway' : model.name;
  return (
    <div className={styles.told} aria-live="polite">
      <p className={styles.verdict} data-verdict={isAllowed ? 'allowed' : 'refused'}>
        <Badge tone={isAllowed ? 'good' : 'bad'}>{isAllowed ? 'Allowed' : 'Refused'}</Badge>
        <span>
          <Foreign>{caller.login}</Foreign> {isAllowed ? 'may use' : 'may not use'} <Foreign>{subject}</Foreign>
          {model !== null && (
            <>
              : <Foreign>{model.why}</Foreign>
            </>
          )}
        </span>
      </p>
      <ol className={styles.steps}>
        {stepsOf(explanation).map((step) => (
          <StepLine key={step.question} step={step} />
        ))}
      </ol>
    </div>
  );
}

const ICONS = { yes: CircleCheck, stop: CircleSlash, note: Info };

function StepLine({ step: { question, answer, state, grants } }: { step: Step }) {
  const Icon = ICONS[state];
  return (
    <li className={styles.step} data-state={state}>
      <Icon size={16} aria-label={state === 'stop' ? 'stops here' : undefined} aria-hidden={state !== 'stop'} />
      <span className={styles.asked}>
        <Foreign>{question}</Foreign>
      </span>
      <span>
        <Foreign most={2000}>{answer}</Foreign>
        {grants.length > 0 && state === 'yes' && !answer.includes('grants[') && (
          <span className={styles.by}> by {grants.join(', ')}</span>
        )}
      </span>
    </li>
  );
}
