import { z } from 'zod';
import { recordHash, ShownInReceipt } from '../audit/receipt.ts';
import type { Passed, Unsigned } from '../audit/receipt.ts';
import { VerdictNote } from '../contract/record.ts';
import { passesUp } from '../proxy/headers.ts';
import type { StoredCapture } from '../store/captures.ts';

/** Of a record as the API answers it, what a receipt says. */
const Shown = ShownInReceipt.extend({
  id: z.string(),
  verdicts: z.array(VerdictNote),
  usage_flags: z.array(z.string()),
  request_sha256: z.string().nullable(),
  response_sha256: z.string().nullable(),
});
type Shown = z.infer<typeof Shown>;

const STATEMENT =
  'Apart from the edits and headers that are listed here, the gateway changed nothing between the client and the provider.';
const PUT_ON =
  "host, content-length and the provider's credential, of which key_id is the name; add_headers of the provider and of the grants, as the config of config_version has them; accept-encoding: identity where the response was to be read or changed";
const RESPONSE_HEADERS =
  'without those of the connection and set-cookie; with x-aperture-request-id and server-timing, and x-request-id, cache-control and x-accel-buffering where the provider gave none';

/** What the gateway says of an exchange, before it is signed. */
export function receiptOf(record: unknown, capture: StoredCapture | undefined, nowMs: number): Unsigned {
  const shown = Shown.parse(record);
  const { id, edits, verdicts, request_sha256: _sent, response_sha256: _kept, usage_flags: _flags, ...said } = shown;
  return {
    v: 1,
    issued_at: new Date(nowMs).toISOString(),
    request_id: id,
    ...said,
    request: requestOf(shown),
    response: responseOf(shown),
    edits,
    verdicts: verdicts.map(({ rule, type, side, action, shadow }) => ({ rule, type, side, action, shadow })),
    headers: { taken_off: takenOff(capture), put_on: PUT_ON, response: RESPONSE_HEADERS },
    record_sha256: recordHash(record),
    statement: STATEMENT,
  };
}

const known = (sha256: string): Passed => ({ sha256, why: null });
const unknown = (why: string): Passed => ({ sha256: null, why });

const NOTHING_SENT = 'nothing was sent to a provider, or nobody could read what was';
const HOLES = 'the journal had lost part of it';
/** How `records/assemble.ts` flags an exchange that was read from holes. */
const HOLES_FLAG = 'journal_frames_missing';

function requestOf({ request_sha256, edits, usage_flags }: Shown): Unsigned['request'] {
  if (request_sha256 === null) return { from_client: unknown(NOTHING_SENT), to_provider: unknown(NOTHING_SENT) };
  if (hasHoles(usage_flags)) return { from_client: unknown(HOLES), to_provider: unknown(HOLES) };
  const sent = known(request_sha256);
  if (!edits.some(({ side }) => side === 'request')) return { from_client: sent, to_provider: sent };
  return { from_client: unknown('it was edited, and only what was sent on is kept'), to_provider: sent };
}

/** What `proxy/exchange.ts` notes where values took the place of placeholders. */
const RESTORED = 'values in the place of placeholders';

function responseOf({ response_sha256, edits, state, usage_flags }: Shown): Unsigned['response'] {
  const nothing = (why: string): Unsigned['response'] => {
    return { from_provider: unknown(why), to_client: unknown(why), kept: unknown(why) };
  };
  if (response_sha256 === null) return nothing(NOTHING_SENT);
  if (hasHoles(usage_flags)) return nothing(HOLES);
  const kept = known(response_sha256);
  const onResponse = edits.filter(({ side }) => side === 'response');
  const isForClient = (kind: string, detail: string): boolean => kind === 'drop_usage_event' || detail === RESTORED;
  const changedForClient = onResponse.some(({ kind, detail }) => isForClient(kind, detail));
  const changedForAll = onResponse.some(({ kind, detail }) => !isForClient(kind, detail));
  const whyNotClient =
    state !== 'complete'
      ? `it ended as ${state}: the client may have got less, or an error in its place`
      : changedForClient
        ? 'it was edited on its way to the client'
        : undefined;
  return {
    from_provider:
      changedForAll || state === 'blocked' ? unknown('a rule changed it, and only what the rule left is kept') : kept,
    to_client: whyNotClient === undefined ? kept : unknown(whyNotClient),
    kept,
  };
}

function hasHoles(flags: readonly string[]): boolean {
  return flags.includes(HOLES_FLAG);
}

function takenOff(capture: StoredCapture | undefined): string[] | null {
  if (capture === undefined) return null;
  const names = capture.requestHeaders.map(([name]) => name.toLowerCase());
  return [...new Set(names.filter((name) => !passesUp(name, false)))].sort();
}
