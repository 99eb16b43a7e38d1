/** Branded ids: a string that was checked to be what its type says. `as` appears only where one is made. */
export type ExchangeId = string & { readonly brand: 'ExchangeId' };
/** The key of a provider in the config. */
export type ProviderId = string & { readonly brand: 'ProviderId' };
/** A model's name as its provider knows it, without a provider prefix. May hold slashes. */
export type ModelName = string & { readonly brand: 'ModelName' };
/** The key of a hook or built-in rule in the config. */
export type RuleId = string & { readonly brand: 'RuleId' };

import { isUuid7, uuid7 } from '../lib/uuid7.ts';

/** A UUIDv7: the record's id everywhere, ordered by time of acceptance. */
export function mintExchangeId(nowMs: number): ExchangeId {
  return uuid7(nowMs) as ExchangeId;
}

export function parseExchangeId(text: string): ExchangeId | undefined {
  return isUuid7(text) ? (text as ExchangeId) : undefined;
}

export function providerId(text: string): ProviderId {
  return text as ProviderId;
}

export function modelName(text: string): ModelName {
  return text as ModelName;
}

export function ruleId(text: string): RuleId {
  return text as RuleId;
}
