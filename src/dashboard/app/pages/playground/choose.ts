import type { Model } from '../../api/models.ts';
import type { Chosen } from './conversation.ts';
import type { PlaygroundSearch } from './search.ts';
import { spokenOf } from './wire/wires.ts';
import type { Spoken } from './wire/wires.ts';

/** A model of a provider, as a value of a list. */
export function keyOf({ id, metadata }: Model): string {
  return JSON.stringify([metadata.provider.id, id]);
}

/** Nobody but the caller has its key, and a page has none. */
export function needsOwnKey({ metadata }: Model): boolean {
  return metadata.provider.requires_client_auth;
}

export function isAskable(model: Model): boolean {
  return spokenOf(model).length > 0 && !needsOwnKey(model);
}

/** The model that the address names; else the first that can be asked here. Undefined where it names one that is not there. */
export function modelOf(models: readonly Model[], { model, provider }: PlaygroundSearch): Model | undefined {
  if (model === undefined) return models.find(isAskable) ?? models[0];
  return models.find(
    ({ id, metadata }) => id === model && (provider === undefined || metadata.provider.id === provider),
  );
}

/** How to ask it: by its name, or by its provider's too where several have one of this name. */
export function chosenOf(models: readonly Model[], model: Model, wanted: string | undefined): Chosen | undefined {
  const spoken = spokenOf(model);
  const format: Spoken | undefined = spoken.find((each) => each === wanted) ?? spoken[0];
  if (format === undefined || needsOwnKey(model)) return undefined;
  const namesakes = models.filter(({ id }) => id === model.id).length;
  return {
    model: namesakes > 1 ? `${model.metadata.provider.id}/${model.id}` : model.id,
    format,
    isOpenAi: spoken.includes('responses'),
  };
}
