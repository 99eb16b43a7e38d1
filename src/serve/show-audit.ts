import type { Passed, Receipt } from '../audit/receipt.ts';
import { sentenceOf } from '../audit/verify.ts';
import type { ChainedEntry } from '../contract/audit.ts';
import { dollars, printable, thousands } from '../dashboard/text-table.ts';
import type { VerifyReport } from './audit-log.ts';

/** What a verification has found, for a terminal. `outside`: the file of log lines, and how many checkpoints it has. */
export function reportText(
  report: VerifyReport,
  from: bigint,
  outside: { file: string | undefined; found: number },
): string {
  const { checkpoints, signed, finding } = report;
  return [
    ...(finding === undefined ? [goodText(report, from)] : wrongText(report, from)),
    ...(checkpoints > 0
      ? [`${counted(checkpoints, 'checkpoint')} looked at and good; the last covers entry ${signed}.`]
      : []),
    ...(finding === undefined ? unsignedText(report) : []),
    ...(outside.file === undefined ? [] : [`${outside.file} has ${counted(outside.found, 'checkpoint')}.`]),
  ].join('\n');
}

function goodText({ entries, through, firstAtMs, lastAtMs }: VerifyReport, from: bigint): string {
  if (entries === 0) return 'The log has no entries from there on.';
  const times = `${timeOf(firstAtMs) ?? ''} to ${timeOf(lastAtMs) ?? ''}`;
  const what =
    entries === 1
      ? `(${through}, ${timeOf(firstAtMs) ?? ''}) is as it was`
      : `(${from} to ${through}, ${times}) are as they were`;
  return `${counted(entries, 'entry', 'entries')} ${what} written, and none is missing.`;
}

function wrongText({ entries, through, finding, entry }: VerifyReport, from: bigint): string[] {
  return [
    `WRONG: ${finding === undefined ? '' : sentenceOf(finding)}.`,
    '',
    ...(entry === undefined ? [] : ['As it is now:', `  ${entryText(entry)}`, '']),
    entries === 0 ? 'No entry was found good before it.' : `Entries ${from} to ${through} follow from one another.`,
  ];
}

function unsignedText({ through, signed }: VerifyReport): string[] {
  const open = through - signed;
  if (open <= 0n) return [];
  const what = open === 1n ? '1 entry after it is' : `${open} entries after it are`;
  return [`${what} not signed yet: whoever owns the database could have replaced what is not.`];
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${thousands(String(count))} ${count === 1 ? one : many}`;
}

function entryText({ number, atMs, by, nodeId, action, target, details }: ChainedEntry): string {
  const who = nodeId === '' ? by : `${by} (${nodeId})`;
  return printable(`${number}  ${timeOf(atMs) ?? ''}  ${who}  ${action}  ${target}  ${details}`);
}

/** A time of the log, which somebody may have replaced by what is none. */
export function timeOf(ms: string | null): string | null {
  if (ms === null) return null;
  const time = new Date(Number(ms));
  return Number.isNaN(time.getTime()) ? ms : time.toISOString();
}

/** A receipt for a terminal. */
export function receiptText(receipt: Receipt): string {
  const { request, response } = receipt;
  const cost = receipt.cost_nanodollars === null ? 'not known' : dollars(receipt.cost_nanodollars);
  const served = receipt.model_served === null ? '' : `, served by ${receipt.model_served}`;
  const keptApart = response.kept.sha256 !== response.from_provider.sha256;
  const lines = [
    `Receipt of request ${receipt.request_id}, issued ${receipt.issued_at}`,
    '',
    `  ${receipt.method} ${receipt.path}  ${receipt.status}  ${receipt.state}`,
    `  by ${receipt.login}${receipt.node_id === '' ? '' : ` (${receipt.node_id})`}`,
    `  ${receipt.model} by ${receipt.provider}${served}`,
    `  ${receipt.received_at} to ${receipt.ended_at}`,
    `  cost ${cost}, config ${receipt.config_version}`,
    '',
    'Request',
    ...row('from the client', passedText(request.from_client)),
    ...row('to the provider', passedText(request.to_provider)),
    'Response',
    ...row('from the provider', passedText(response.from_provider)),
    ...row('to the client', passedText(response.to_client)),
    ...(keptApart ? row('kept', passedText(response.kept)) : []),
    'Edits',
    ...editLines(receipt),
    'Headers',
    ...headerLines(receipt),
    '',
    ...wrapped(receipt.statement, WIDTH),
    `Record  sha256 ${receipt.record_sha256}`,
    `Signed by ${receipt.signed_by}; --json prints what can be verified.`,
  ];
  return lines.map(printable).join('\n');
}

function passedText({ sha256, why }: Passed): string {
  return sha256 === null ? `not known: ${why ?? ''}` : `sha256 ${sha256}`;
}

function editLines({ edits, verdicts }: Receipt): string[] {
  const shadowed = (shadow: boolean): string => (shadow ? ', in shadow' : '');
  return [
    ...(edits.length === 0 ? ['  none'] : edits.map(({ kind, side, detail }) => `  ${side}: ${kind}: ${detail}`)),
    ...(verdicts.length === 0 ? [] : ['Verdicts']),
    ...verdicts.map(
      ({ rule, type, side, action, shadow }) => `  ${side}: ${rule} (${type}): ${action}${shadowed(shadow)}`,
    ),
  ];
}

function headerLines({ headers }: Receipt): string[] {
  return [
    ...row('taken off', headers.taken_off?.join(', ') ?? 'not known: the capture is not there for you'),
    ...row('put on', headers.put_on),
    ...row('of the response', headers.response),
  ];
}

const NAME_WIDTH = 19;
const WIDTH = 100;

function row(name: string, text: string): string[] {
  const [first = '', ...rest] = wrapped(text, WIDTH - NAME_WIDTH);
  return [`  ${name.padEnd(NAME_WIDTH)}${first}`, ...rest.map((line) => `  ${' '.repeat(NAME_WIDTH)}${line}`)];
}

/** Lines of so many characters, broken at blanks. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
