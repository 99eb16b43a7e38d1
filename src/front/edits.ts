import type { Api } from '../contract/api.ts';
import type { Edit } from '../contract/exchange.ts';
import type { ModelName } from '../contract/ids.ts';
import { applySplices, modelSplice, namingSplice, usageSplice } from '../protocols/body-edit.ts';
import type { Splice } from '../protocols/body-edit.ts';
import { UsageEventFilter } from '../protocols/usage-filter.ts';
import type { WireFilter } from '../proxy/client.ts';
import type { Route } from '../routing/plan.ts';
import type { ExchangeEndpoint } from './request-life.ts';
import type { ScannedBody } from './scan-body.ts';

export interface ForwardedBody {
  body: Uint8Array;
  /** The body is sent without the content-encoding it came with, since it had to be edited. */
  decoded: boolean;
  /** We asked for usage where the client did not: its event must not reach the client. */
  usageInjected: boolean;
}

/**
 * The body as the provider gets it: the caller's bytes, but for the edits that are ours to make, each made in place and
 * noted in `edits`: the model's bare name where the caller wrote `provider/model`, the API's default model where the
 * caller wrote none, and the wish for usage in a stream. A name in the path is noted here too.
 */
export function forwardedBody(
  scanned: ScannedBody,
  endpoint: ExchangeEndpoint,
  route: Route,
  edits: Edit[],
): ForwardedBody {
  const { fields, decoded } = scanned;
  const splices: Splice[] = [];
  if (route.rewriteModel) {
    if (endpoint.modelIn === 'body') splices.push(...renamed(scanned, route.model, edits));
    // The path is changed where the upstream's is made (`upstream-request.ts`).
    else edits.push(renaming(endpoint.model, route.model));
  }
  const { defaultModel } = endpoint.protocol;
  if (endpoint.modelIn === 'body' && fields.model === undefined && defaultModel !== undefined) {
    // What was judged is what is asked for, also of a provider that has another default.
    splices.push(namingSplice(fields, route.model));
    edits.push({ kind: 'model_name', side: 'request', detail: `${route.model}, where none was named` });
  }
  const wantsUsage =
    TELLS_WHEN_ASKED.has(endpoint.protocol.api) &&
    fields.stream &&
    fields.includeUsage !== true &&
    route.provider.injectUsage;
  if (wantsUsage) {
    const usage = usageSplice(decoded, fields);
    splices.push(...usage.splices);
    edits.push({ kind: 'inject_usage', side: 'request', detail: usage.detail });
  }
  if (splices.length === 0 && !scanned.edited) return { body: scanned.original, decoded: false, usageInjected: false };
  const unpacked = scanned.packed;
  if (unpacked) edits.push({ kind: 'content_encoding', side: 'request', detail: 'sent decoded, as it was edited' });
  return { body: applySplices(decoded, splices), decoded: unpacked, usageInjected: wantsUsage };
}

/** Their streams tell usage only where `stream_options` asks for it. */
const TELLS_WHEN_ASKED: ReadonlySet<Api> = new Set<Api>(['openai_chat', 'openai_text_completions']);

function renamed(scanned: ScannedBody, model: ModelName, edits: Edit[]): Splice[] {
  const splices = modelSplice(scanned.fields, model);
  if (splices.length > 0) edits.push(renaming(scanned.fields.model, model));
  return splices;
}

function renaming(asked: string | undefined, model: ModelName): Edit {
  return { kind: 'model_name', side: 'request', detail: `${asked ?? ''} -> ${model}` };
}

/** Takes the usage event out again that only we asked for. */
export function usageFilter(): WireFilter {
  return new UsageEventFilter();
}
