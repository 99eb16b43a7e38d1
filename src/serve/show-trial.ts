import { z } from 'zod';
import { printable, textTable } from '../dashboard/text-table.ts';

/** As far as it is shown. */
export const ShownTrial = z.object({
  side: z.string(),
  api: z.string(),
  refused: z.object({ rule: z.string().nullable(), status: z.number(), message: z.string() }).nullable(),
  verdicts: z.array(
    z.object({
      rule: z.string(),
      type: z.string(),
      action: z.string(),
      shadow: z.boolean(),
      took_ms: z.number(),
      scanned_chars: z.number().nullable(),
      scanned: z.array(z.string()),
      counts: z.record(z.string(), z.number()),
      error: z.string().nullable(),
    }),
  ),
  texts: z.array(
    z.object({
      where: z.string(),
      finds: z.array(z.object({ rule: z.string(), kind: z.string(), start: z.number(), end: z.number() })),
      goes_on: z.string().nullable(),
      kept: z.string().nullable(),
    }),
  ),
  body: z.unknown(),
  not_run: z.array(z.object({ name: z.string(), why: z.string() })),
});
export type ShownTrial = z.infer<typeof ShownTrial>;

/** Enough of a text to see what became of it. */
const TEXT_CHARACTERS = 2_000;
const FINDS_SHOWN = 50;

/** For people: what each rule said, where it found what, and what would go on. No line ends in white space. */
export function trialText(trial: ShownTrial): string {
  const parts = [verdictTable(trial), findTable(trial), notRun(trial), outcome(trial)];
  return parts.filter((part) => part !== '').join('\n\n');
}

function verdictTable({ verdicts }: ShownTrial): string {
  if (verdicts.length === 0) return 'No rule looked at it.';
  const heads = ['rule', 'kind', 'verdict', 'found', 'looked at', 'characters', 'ms'];
  const body = verdicts.map(({ rule, type, action, shadow, counts, scanned, scanned_chars, took_ms, error }) =>
    [
      rule,
      type,
      `${action}${shadow && action !== 'allow' ? ' (shadow)' : ''}${error === null ? '' : `: ${error}`}`,
      counted(counts),
      scanned.join(', '),
      scanned_chars === null ? '' : String(scanned_chars),
      took_ms.toFixed(1),
    ].map(printable),
  );
  return textTable(heads, body, [], 5).slice(0, -2).join('\n');
}

function counted(counts: Record<string, number>): string {
  const found = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  return found.length === 0 ? 'nothing' : found.join(', ');
}

function findTable({ texts }: ShownTrial): string {
  const finds = texts.flatMap(({ where, finds: each }) => each.map((find) => ({ where, ...find })));
  if (finds.length === 0) return '';
  const heads = ['rule', 'found', 'in', 'from', 'to'];
  const body = finds
    .slice(0, FINDS_SHOWN)
    .map(({ rule, kind, where, start, end }) => [rule, kind, where, String(start), String(end)].map(printable));
  const table = textTable(heads, body, [], 3).slice(0, -2);
  const more = finds.length - FINDS_SHOWN;
  return [...table, ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
}

function notRun({ not_run }: ShownTrial): string {
  return not_run.map(({ name, why }) => `${printable(name)} was not run: ${printable(why)}`).join('\n');
}

function outcome({ refused, side, texts }: ShownTrial): string {
  if (refused !== null) {
    const by = refused.rule === null ? '' : ` by ${printable(refused.rule)}`;
    return `The ${side} would be refused${by} with ${refused.status}: ${printable(refused.message)}`;
  }
  if (texts.every(({ finds }) => finds.length === 0)) return `The ${side} would go on as it is.`;
  const reader = side === 'request' ? 'the provider' : 'the client';
  const lines = texts.flatMap(({ where, goes_on, kept }) => {
    if (goes_on === null || kept === null) return [];
    const differs = goes_on !== kept;
    return [
      `${printable(where)}, as ${reader} gets it:`,
      ...indented(goes_on),
      ...(differs ? [`${printable(where)}, as it is kept:`, ...indented(kept)] : []),
    ];
  });
  return [`The ${side} would go on.`, ...lines].join('\n');
}

function indented(text: string): string[] {
  const shown = text.length > TEXT_CHARACTERS ? `${text.slice(0, TEXT_CHARACTERS)}…` : text;
  return shown.split(/\r?\n/).map((line) => `  ${printable(line)}`.trimEnd());
}
