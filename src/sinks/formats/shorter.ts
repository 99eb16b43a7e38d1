import type { Delivery } from '../../contract/delivery.ts';
import { isObject } from '../../lib/is-object.ts';
import { cutText } from './text.ts';

/** From the least that is lost to the most: the first that fits is sent. */
const STEPS = [
  { characters: 1_000, items: 100 },
  { characters: 250, items: 20 },
  { characters: 64, items: 5 },
] as const;
type Step = (typeof STEPS)[number];

/** What is left of a payload that is too large even so: what it is about, who, and how it ended. */
const ESSENTIAL = ['id', 'request_id', 'token_id', 'at', 'ended_at', 'state', 'status', 'login', 'model', 'verdict'];

/** The same event with less in it each time, as `left_out` says: the record has what is missing. */
export function* shorter(delivery: Delivery): Generator<Delivery> {
  const parsed: unknown = JSON.parse(delivery.payload);
  const data = isObject(parsed) ? parsed : { value: parsed };
  const told = (less: Record<string, unknown>): Delivery => {
    return { ...delivery, payload: JSON.stringify({ ...less, left_out: 'too_large' }) };
  };
  for (const step of STEPS) yield told(cutMembers(data, step));
  const [, , last] = STEPS;
  yield told(cutMembers(Object.fromEntries(Object.entries(data).filter(([name]) => ESSENTIAL.includes(name))), last));
  yield told({});
}

function cutMembers(data: Record<string, unknown>, step: Step): Record<string, unknown> {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, cutValue(value, step, 1)]));
}

function cutValue(value: unknown, step: Step, depth: number): unknown {
  if (typeof value === 'string') return cutText(value, step.characters);
  if (Array.isArray(value)) return value.slice(0, step.items).map((each) => cutValue(each, step, depth + 1));
  if (!isObject(value)) return value;
  // The outer ones have the members of their type; further inside are lists by name.
  const members = Object.entries(value).slice(0, depth > 1 ? step.items : undefined);
  return Object.fromEntries(
    members.map(([name, member]) => [cutText(name, step.characters), cutValue(member, step, depth + 1)]),
  );
}
