import type { OcsfClass } from './ocsf.ts';
import { actor, api, modelResource, sourceEndpoint } from './ocsf-parts.ts';
import { tookMsOf, without } from './siem-event.ts';
import type { RequestTold, SiemEvent } from './siem-event.ts';

/** What an HTTP method does, in the schema's words. */
const ACTIVITIES: Readonly<Record<string, readonly [number, string]>> = {
  POST: [1, 'Create'],
  GET: [2, 'Read'],
  HEAD: [2, 'Read'],
  PUT: [3, 'Update'],
  PATCH: [3, 'Update'],
  DELETE: [4, 'Delete'],
};

/** Fields that stand elsewhere in the event. */
const PLACED = [
  'id',
  'ended_at',
  'status',
  'login',
  'node_id',
  'node_name',
  'groups',
  'agent',
  'user_agent',
  'provider',
  'model',
  'api',
  'method',
  'path',
  'session_id',
  'request_bytes',
  'response_bytes',
];

/** API Activity (6003): a request that has ended, however it did. */
export function apiActivity(request: RequestTold, { data }: SiemEvent): OcsfClass {
  const { method, path, status, state } = request;
  return {
    category: [6, 'Application Activity'],
    class: [6003, 'API Activity'],
    activity: ACTIVITIES[method] ?? [99, method === '' ? 'Other' : method],
    correlation: request.session_id,
    attributes: {
      ...statusOf(state),
      status_code: String(status),
      ...detailOf(request),
      actor: actor(request),
      api: {
        ...api(request.api, request.provider, request.id),
        response: { code: status, ...(request.error === null ? {} : { error: request.error }) },
      },
      src_endpoint: sourceEndpoint(request),
      ...(request.provider === '' ? {} : { dst_endpoint: { svc_name: request.provider } }),
      http_request: {
        uid: request.id,
        ...(method === '' ? {} : { http_method: method }),
        ...(path === '' ? {} : { url: { path } }),
        ...(request.user_agent === '' ? {} : { user_agent: request.user_agent }),
        body_length: request.request_bytes,
      },
      http_response: { code: status, body_length: request.response_bytes, ...latencyOf(request) },
      resources: modelResource(request.provider, request.model),
    },
    unmapped: without(data, PLACED),
  };
}

function statusOf(state: string): { status_id: number; status: string } {
  if (state === 'complete') return { status_id: 1, status: 'Success' };
  // The client left, or we died: neither the one nor the other.
  if (state === 'aborted' || state === 'interrupted') return { status_id: 99, status: state };
  return { status_id: 2, status: 'Failure' };
}

function detailOf({ denied_by, error }: RequestTold): { status_detail?: string } {
  const detail = denied_by ?? error;
  return detail === null ? {} : { status_detail: detail };
}

function latencyOf(request: RequestTold): { latency?: number } {
  const tookMs = tookMsOf(request);
  return tookMs === undefined ? {} : { latency: Math.round(tookMs) };
}
