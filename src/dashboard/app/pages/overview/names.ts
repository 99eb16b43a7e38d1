import { partsOf } from '../../design/hostile.tsx';
import type { Group } from './usage.ts';

const NAMELESS: Record<Group, string> = {
  model: 'no model',
  agent: 'unknown agent',
  provider: 'no provider',
  login: 'nobody',
  group: 'no group',
  api: 'no API',
  status: 'no status',
};
const MOST_CHARACTERS = 60;

/** A foreign name where only a bare string can stand: in a legend, in a list. What is not seen is written out. */
export function plainName(name: string, group: Group): string {
  if (name === '') return NAMELESS[group];
  const parts = partsOf(name.slice(0, MOST_CHARACTERS)).map(({ text }) => text);
  return parts.join('') + (name.length > MOST_CHARACTERS ? '…' : '');
}
