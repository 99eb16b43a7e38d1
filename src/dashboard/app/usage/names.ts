import { plainText } from '../design/hostile.tsx';
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

/** The name where only a bare string can stand. */
export function plainName(name: string, group: Group): string {
  return name === '' ? NAMELESS[group] : plainText(name);
}
