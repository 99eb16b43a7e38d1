import type { Provider } from '../src/contract/provider.ts';
import { projectOf } from '../src/keys/service-account.ts';
import type { ProviderConfig } from './schema/providers.ts';

/** A location's own host, and one of several locations. */
const VERTEX_HOST = /^(?:([a-z0-9-]+)-aiplatform\.googleapis\.com|aiplatform\.([a-z]+)\.rep\.googleapis\.com)$/;

/** Where Vertex has the provider's models; undefined for other providers, and in express mode, which has a key and no project. */
export function vertexOf(provider: ProviderConfig): Provider['vertex'] {
  const { compatibility, vertex_project, vertex_location, apikey, baseurl } = provider;
  if (compatibility?.google_generate_content !== true && compatibility?.google_raw_predict !== true) return undefined;
  const project = vertex_project === '' ? projectOf(apikey) : vertex_project;
  if (project === '') return undefined;
  const [, own, several] = VERTEX_HOST.exec(URL.canParse(baseurl) ? new URL(baseurl).hostname : '') ?? [];
  return { project, location: vertex_location === '' ? (own ?? several ?? 'global') : vertex_location };
}
