import { UNREADABLE_REFERENCE } from '../src/access/capability.ts';
import { errorAt, shown } from './problem.ts';
import type { Finding } from './problem.ts';
import type { Config } from './schema.ts';
import { valueAt } from './value-at.ts';

const TEMPLATES = ['<user>', '<node>'];

/** What stands after the colon of a bucket's name and is no template; undefined where all is well. */
export function unsupportedTemplate(bucket: string): string | undefined {
  const colon = bucket.indexOf(':');
  const template = bucket.slice(colon + 1);
  return colon < 0 || TEMPLATES.includes(template) ? undefined : template;
}

/**
 * Whether a quota of this name can be charged. Where it cannot, no quota has the name, and what references it is
 * refused: a bucket that all share is not what a mistyped template meant, and what could not be read means none.
 */
export function isChargeable(name: string): boolean {
  return name !== '' && name !== UNREADABLE_REFERENCE && unsupportedTemplate(name) === undefined;
}

/** Remarks on a name, as the end of a sentence; Aperture's own on templates are made elsewhere. */
export function nameAdvice(name: string): string | undefined {
  if (unsupportedTemplate(name) !== undefined) return undefined;
  if (!isChargeable(name)) return 'is never charged: what references this name is refused';
  const template = TEMPLATES.find((each) => name.includes(each) && !name.endsWith(`:${each}`));
  return template === undefined ? undefined : `is one bucket for all: ${template} is a template only after a colon`;
}

/** What is wrong with `overdraft`, a setting of ours: so these are errors. */
export function overdraftFindings({ quotas }: Config, written: unknown): Finding[] {
  // One that is written and could not be read has an error of its own.
  const isDefined = (name: string): boolean =>
    isChargeable(name) &&
    (Object.hasOwn(quotas, name) || (valueAt(written, ['quotas', name]) ?? undefined) !== undefined);
  return Object.entries(quotas).flatMap(([name, { overdraft }]) =>
    overdraft.flatMap((member, index) => {
      const path = ['quotas', name, 'overdraft', index];
      const quoted = shown(valueAt(written, path));
      const fault = memberFault({ name, member, quoted, before: overdraft.slice(0, index), isDefined });
      return fault === undefined ? [] : [errorAt(path, `quota ${name}: overdraft ${fault}`)];
    }),
  );
}

interface ChainMember {
  /** The quota that borrows. */
  name: string;
  member: string;
  quoted: string;
  before: readonly string[];
  isDefined: (name: string) => boolean;
}

function memberFault({ name, member, quoted, before, isDefined }: ChainMember): string | undefined {
  if (member === name) return 'names the quota itself';
  if (before.includes(member)) return `names "${quoted}" twice`;
  return isDefined(member) ? undefined : `references undefined quota "${quoted}"`;
}

/**
 * Quotas that some request may be charged to, as far as one sees from here: those that grants name, and those that one
 * borrows from that is charged. A quota that nothing names is not among them, but what it borrows from is: the remark on
 * the first one is enough. What is borrowed from does not borrow itself.
 */
export function chargedQuotas({ quotas }: Config, referenced: ReadonlySet<string>): Set<string> {
  const lending = new Set(Object.values(quotas).flatMap(({ overdraft }) => overdraft));
  const heads = Object.entries(quotas).filter(([name]) => referenced.has(name) || !lending.has(name));
  return new Set([...referenced, ...heads.flatMap(([, { overdraft }]) => overdraft)]);
}
