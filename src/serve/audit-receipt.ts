import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { readPublicKey } from '../audit/key.ts';
import type { AuditPublicKey } from '../audit/key.ts';
import { isGenuine, Receipt, recordHash } from '../audit/receipt.ts';
import type { Passed } from '../audit/receipt.ts';
import { asked, askedKey } from './audit-list.ts';
import { readKeyFile } from './audit-verify.ts';
import { receiptText } from './show-audit.ts';

const ANSWER_WITHIN_MS = 60_000;
const EXIT_WRONG = 2;

export interface ReceiptOptions {
  url: string;
  json: boolean;
  /** A file with a receipt. */
  verify?: string;
  publicKey?: string;
}

type Say = (text: string) => void;

/** `aperture audit receipt ID`, or `--verify FILE`. Returns the exit code: 0, 2 where a receipt is not good, 1. */
export async function auditReceipt(id: string | undefined, options: ReceiptOptions, say: Say): Promise<number> {
  if ((id === undefined) === (options.verify === undefined)) {
    say('give the id of a request, or --verify and a file, and not both');
    return 1;
  }
  if (options.verify !== undefined) return verifyReceipt(options.verify, options, say);
  const answer = await asked(`${options.url}/api/requests/${encodeURIComponent(id ?? '')}/receipt`, say);
  if (answer === undefined) return 1;
  say(options.json ? JSON.stringify(answer, null, 2) : receiptText(Receipt.parse(answer)));
  return 0;
}

interface Check {
  what: string;
  /** Undefined: it could not be looked at. */
  holds: boolean | undefined;
  why: string;
}

async function verifyReceipt(file: string, options: ReceiptOptions, say: Say): Promise<number> {
  const read = z.record(z.string(), z.unknown()).safeParse(jsonOf(file));
  const key = await keyFor(options, say);
  if (key === undefined) return 1;
  const receipt = read.success && isGenuine(read.data, key) ? Receipt.safeParse(read.data) : undefined;
  const checks: Check[] = [
    {
      what: 'signature',
      holds: receipt !== undefined,
      why: receipt === undefined ? `it was changed since, or not made by ${key.id}` : `by ${key.id}`,
    },
  ];
  if (receipt?.success === true) checks.push(...(await checksOf(receipt.data, options.url)));
  const bad = checks.some(({ holds }) => holds === false);
  if (options.json) say(JSON.stringify({ ok: !bad, checks: checks.map(asJson) }, null, 2));
  else for (const { what, holds, why } of checks) say(`${wordOf(holds).padEnd(9)} ${what}: ${why}`);
  return bad ? EXIT_WRONG : 0;
}

function asJson({ what, holds, why }: Check): unknown {
  return { what, holds: holds ?? null, why };
}

function wordOf(holds: boolean | undefined): string {
  if (holds === undefined) return 'unknown';
  return holds ? 'holds' : 'WRONG';
}

function jsonOf(file: string): unknown {
  const text = readFileSync(file, 'utf8');
  try {
    return JSON.parse(text);
  } catch {
    // No receipt: its signature does not hold.
    return undefined;
  }
}

async function keyFor({ publicKey, url }: ReceiptOptions, say: Say): Promise<AuditPublicKey | undefined> {
  if (publicKey !== undefined) return readKeyFile(publicKey);
  const pem = await askedKey(url, say);
  return pem === undefined ? undefined : readPublicKey(pem);
}

/** What the gateway still has of the exchange is held against what was signed. */
async function checksOf(receipt: Receipt, url: string): Promise<Check[]> {
  const { request_id: id, request, response } = receipt;
  return [
    await bodyCheck(url, id, 'request', request.to_provider),
    await bodyCheck(url, id, 'response', response.kept),
    await recordCheck(url, receipt),
  ];
}

async function bodyCheck(url: string, id: string, side: 'request' | 'response', { sha256 }: Passed): Promise<Check> {
  const what = `captured ${side}`;
  if (sha256 === null) return { what, holds: undefined, why: 'the receipt has no hash of it' };
  const answer = await got(`${url}/api/requests/${id}/body?side=${side}`);
  if (typeof answer === 'string') return { what, holds: undefined, why: answer };
  const found = createHash('sha256').update(answer).digest('hex');
  const holds = found === sha256;
  return {
    what,
    holds,
    why: holds ? `${answer.byteLength} bytes, ${sha256}` : `its bytes have ${found}, not ${sha256}`,
  };
}

async function recordCheck(url: string, receipt: Receipt): Promise<Check> {
  const what = 'record';
  const answer = await got(`${url}/api/requests/${receipt.request_id}`);
  if (typeof answer === 'string') return { what, holds: undefined, why: answer };
  const { capture: _capture, ...record } = z.record(z.string(), z.unknown()).parse(JSON.parse(answer.toString()));
  if (recordHash(record) === receipt.record_sha256) return { what, holds: true, why: 'as it was' };
  const { amendments } = record;
  const isAmended = Array.isArray(amendments) && amendments.length > 0;
  // What is learned later of its price or usage is no forgery.
  return isAmended
    ? { what, holds: undefined, why: 'it was amended, or this gateway shows it in another way; see its amendments' }
    : { what, holds: undefined, why: 'this gateway shows it in another way than when the receipt was made' };
}

/** The body of an answer, or why there is none. */
async function got(url: string): Promise<Buffer | string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    const body = Buffer.from(await response.arrayBuffer());
    return response.ok ? body : `the gateway answered ${response.status}`;
  } catch {
    return 'no gateway answers';
  }
}
