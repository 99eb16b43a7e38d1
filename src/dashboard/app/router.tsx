import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { Failure, Loading } from './design/states.tsx';
import { Overview } from './pages/overview/overview.tsx';
import { AccessSearch } from './pages/access/search.ts';
import { OverviewSearch } from './pages/overview/search.ts';
import { ActivitySearch } from './pages/activity/search.ts';
import { AuditSearch } from './pages/audit/search.ts';
import { AdoptionSearch } from './pages/adoption/search.ts';
import { CompareSearch } from './pages/compare/search.ts';
import { ConfigurationSearch } from './pages/configuration/search.ts';
import { DeliveriesSearch } from './pages/deliveries/search.ts';
import { GuardrailsSearch } from './pages/guardrails/search.ts';
import { RequestsSearch, SessionSearch, SessionsSearch } from './pages/logs/search.ts';
import { ModelsSearch } from './pages/models/search.ts';
import { PlaygroundSearch } from './pages/playground/search.ts';
import { RequestSearch } from './pages/request/search.ts';
import { SetUpSearch } from './pages/set-up/search.ts';
import { ToolsSearch } from './pages/tools/search.ts';
import { Shell } from './shell/shell.tsx';

/*
 * The address says what a page shows: each filter and tab is a parameter, so that a view can be sent to somebody. A page's
 * code comes when it is first looked at; that of the overview, where most begin, comes at once.
 */

const root = createRootRoute({ component: Shell });

const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: (search) => OverviewSearch.parse(search),
  component: Overview,
});
const sessions = createRoute({
  getParentRoute: () => root,
  path: '/sessions',
  validateSearch: (search) => SessionsSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/logs/sessions.tsx'), 'Sessions'),
});
const session = createRoute({
  getParentRoute: () => root,
  path: '/sessions/$id',
  validateSearch: (search) => SessionSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/logs/session.tsx'), 'Session'),
});
const requests = createRoute({
  getParentRoute: () => root,
  path: '/requests',
  validateSearch: (search) => RequestsSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/logs/requests.tsx'), 'Requests'),
});
const request = createRoute({
  getParentRoute: () => root,
  path: '/requests/$id',
  validateSearch: (search) => RequestSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/request/request.tsx'), 'RequestPage'),
});
const tools = createRoute({
  getParentRoute: () => root,
  path: '/tools',
  validateSearch: (search) => ToolsSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/tools/tools.tsx'), 'Tools'),
});
const models = createRoute({
  getParentRoute: () => root,
  path: '/models',
  validateSearch: (search) => ModelsSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/models/models.tsx'), 'ModelsPage'),
});
const playground = createRoute({
  getParentRoute: () => root,
  path: '/playground',
  validateSearch: (search) => PlaygroundSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/playground/playground.tsx'), 'Playground'),
});
const setUp = createRoute({
  getParentRoute: () => root,
  path: '/set-up',
  validateSearch: (search) => SetUpSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/set-up/set-up.tsx'), 'SetUp'),
});
const access = createRoute({
  getParentRoute: () => root,
  path: '/access',
  validateSearch: (search) => AccessSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/access/access.tsx'), 'AccessPage'),
});
const adoption = createRoute({
  getParentRoute: () => root,
  path: '/adoption',
  validateSearch: (search) => AdoptionSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/adoption/adoption.tsx'), 'Adoption'),
});
const activity = createRoute({
  getParentRoute: () => root,
  path: '/activity',
  validateSearch: (search) => ActivitySearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/activity/activity.tsx'), 'Activity'),
});
const compare = createRoute({
  getParentRoute: () => root,
  path: '/compare',
  validateSearch: (search) => CompareSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/compare/compare.tsx'), 'Compare'),
});
const guardrails = createRoute({
  getParentRoute: () => root,
  path: '/guardrails',
  validateSearch: (search) => GuardrailsSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/guardrails/guardrails.tsx'), 'Guardrails'),
});
const audit = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  validateSearch: (search) => AuditSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/audit/audit.tsx'), 'AuditPage'),
});
const deliveries = createRoute({
  getParentRoute: () => root,
  path: '/deliveries',
  validateSearch: (search) => DeliveriesSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/deliveries/deliveries.tsx'), 'DeliveriesPage'),
});
const configuration = createRoute({
  getParentRoute: () => root,
  path: '/configuration',
  validateSearch: (search) => ConfigurationSearch.parse(search),
  component: lazyRouteComponent(() => import('./pages/configuration/configuration.tsx'), 'Configuration'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    sessions,
    session,
    requests,
    request,
    tools,
    models,
    playground,
    setUp,
    compare,
    activity,
    guardrails,
    adoption,
    access,
    audit,
    deliveries,
    configuration,
  ]),
  basepath: '/ui',
  defaultPreload: 'intent',
  scrollRestoration: true,
  defaultPendingComponent: () => <Loading />,
  defaultErrorComponent: ({ error }) => <Failure error={asError(error)} again={() => window.location.reload()} />,
  defaultNotFoundComponent: () => <Failure error={new Error('There is no page at this address.')} />,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
