import type { Explanation } from '../answers.ts';

/** One question on the way to a decision, in the order in which the gateway asks them. */
export interface Step {
  question: string;
  answer: string;
  /** `stop`: here it ends. */
  state: 'yes' | 'stop' | 'note';
  /** Grants, by their ids, that decided it. */
  grants: string[];
}

/** A decision as the steps that lead to it. */
export function stepsOf({ caller, role, grants, model }: Explanation): Step[] {
  const steps: Step[] = [
    {
      question: 'Which grants mean this caller?',
      answer:
        grants.length === 0
          ? 'none'
          : grants.map(({ id, matched_by }) => `${id} by ${matched_by.join(', ')}`).join('; '),
      state: grants.length === 0 ? 'stop' : 'yes',
      grants: grants.map(({ id }) => id),
    },
    {
      question: 'Does one of them give a role?',
      answer: role ?? 'none, so there is no access at all',
      state: role === null ? 'stop' : 'yes',
      grants: grants.filter((grant) => grant.capabilities.some((each) => each.role === role)).map(({ id }) => id),
    },
  ];
  if (role === null || model === null) return steps;
  const enabled = model.candidates.filter(({ disabled }) => !disabled);
  steps.push({
    question: `Who serves ${model.name}?`,
    answer:
      model.candidates.length === 0
        ? 'no provider lists it'
        : model.candidates.map(({ provider, disabled }) => (disabled ? `${provider} (disabled)` : provider)).join(', '),
    state: enabled.length === 0 ? 'stop' : 'yes',
    grants: [],
  });
  if (enabled.length === 0) return steps;
  const granted = enabled.filter((candidate) => candidate.grants.length > 0);
  steps.push({
    question: 'Does a grant allow it there?',
    answer: granted.length === 0 ? 'none' : granted.map(({ provider }) => provider).join(', '),
    state: granted.length === 0 ? 'stop' : 'yes',
    grants: [...new Set(granted.flatMap((candidate) => candidate.grants))],
  });
  if (model.route === null) return steps;
  steps.push({
    question: 'Where does it go?',
    answer: `${model.route.provider}, as ${model.route.model}`,
    state: 'yes',
    grants: [],
  });
  const note = (question: string, names: readonly string[]) => {
    if (names.length > 0) steps.push({ question, answer: names.join(', '), state: 'note', grants: [] });
  };
  note(
    'What is it charged to?',
    model.quotas.map((bucket) => bucketFor(bucket, caller)),
  );
  note('What looks at it, in this order?', model.rules.map(ruleText));
  note('Which headers are added?', model.add_headers);
  return steps;
}

/** The bucket that a template means for this caller, where that is known. */
function bucketFor(bucket: string, { login, node_id }: Explanation['caller']): string {
  return bucket.replace('<user>', login).replace('<node>', node_id === '' ? '<node>' : node_id);
}

function ruleText({
  name,
  state,
  kind,
  action,
  sides,
  shadow,
  events,
}: NonNullable<Explanation['model']>['rules'][number]): string {
  switch (state) {
    case 'unknown':
      return `${name} (does not exist, so it is refused)`;
    case 'disabled':
      return `${name} (switched off)`;
    case 'unusable':
      return `${name} (cannot be called as it is configured)`;
    case 'in force': {
      if (kind === 'hook') return `${name} (hook on ${events.length === 0 ? 'nothing' : events.join(', ')})`;
      return `${name} (${action ?? ''} on ${sides.join(' and ')}${shadow ? ', only recorded' : ''})`;
    }
  }
}
