import type { Dialect } from '../contract/api.ts';
import type { Fault } from '../contract/fault.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { directPath, leadsToOurs } from '../protocols/direct/path.ts';
import { direct as directProtocol } from '../protocols/direct/protocol.ts';
import { upstreamUrl } from '../proxy/url.ts';
import { directRoute } from '../routing/direct-route.ts';
import { grantedModels } from '../routing/resource-route.ts';
import type { Route } from '../routing/plan.ts';
import type { Asked } from './asked.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';
import { otherMethod, PROVIDER_HEADER } from './resource-life.ts';
import { hasRules } from './rules.ts';
import type { ScannedBody } from './scan-body.ts';

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** What may start something that costs. */
const MAY_COST = new Set(['POST', 'PUT', 'PATCH']);

/** A path that no protocol of ours knows, where a grant of the caller's opens it as it is (`direct_paths`). */
export function directEndpoint(arrival: Arrival, dialect: Dialect): ExchangeEndpoint | undefined {
  const { request } = arrival;
  if (!METHODS.has(request.method)) return undefined;
  const path = directPath(request.path);
  if (path === undefined) return undefined;
  const route = routeOf(arrival, path.segments);
  if (route === undefined || isTaken(route, path.path)) return undefined;
  return {
    kind: 'exchange',
    protocol: directProtocol,
    dialect,
    modelIn: 'none',
    direct: path.segments,
    stream: false,
    upstreamPath: path.path,
  };
}

function routeOf({ world, access, request }: Arrival, segments: readonly string[]): Route | undefined {
  const reaches = (provider: string, path: readonly string[]): readonly string[] | undefined =>
    access.reaches(provider, path);
  return directRoute({ providers: world.providers, segments, reaches, named: request.header(PROVIDER_HEADER) });
}

/** By no spelling and under no prefix does a path lead to what grants give in another way. */
function isTaken({ provider }: Route, path: string): boolean {
  return leadsToOurs(upstreamUrl(provider.baseUrl, path, '').path) || leadsToOurs(`/v1${path}`);
}

/** Where it goes, and whether it may: what a caller's rules and quotas cannot be held to is not done for that caller. */
export function askDirect(
  arrival: Arrival,
  endpoint: ExchangeEndpoint & { direct: readonly string[] },
  scanned: ScannedBody,
): Result<Asked, Fault> {
  const { request } = arrival;
  const route = routeOf(arrival, endpoint.direct);
  if (route === undefined) return failed({ code: 'path_unknown', method: request.method, path: request.path });
  const barred = otherMethod(request) ?? upgrading(arrival) ?? barredBy(arrival, route);
  return barred === undefined ? ok({ scanned, model: '', holder: undefined, direct: route }) : failed(barred);
}

/** Nobody here would read what a socket says, nor end it when its caller is shut out. */
function upgrading({ request }: Arrival): Fault | undefined {
  return request.header('upgrade')?.toLowerCase() === 'websocket' ? { code: 'upgrade_refused' } : undefined;
}

function barredBy(arrival: Arrival, { provider }: Route): Fault | undefined {
  const { access, world, request } = arrival;
  // What is attached to every model holds for none as well.
  const models = ['', ...grantedModels(world.routing, provider, (id, model) => access.may(id, model))];
  if (models.some((model) => hasRules(arrival, provider.id, model))) {
    return { code: 'forbidden', what: 'your grants attach rules, which cannot look into a direct path' };
  }
  if (!MAY_COST.has(request.method)) return undefined;
  const buckets = [...new Set(models.flatMap((model) => access.matching(provider.id, model).quotas))];
  if (buckets.length === 0) return undefined;
  const detail = 'a direct path: what it costs is told to nobody here';
  return { code: 'quota_exceeded', buckets, retryAfterSeconds: undefined, status: 403, why: 'unbounded', detail };
}
