import type { Model } from './models.ts';

const HELLO = [{ role: 'user', content: 'Hello' }];
/** A body that says hello, by path, in the order in which they are tried. */
const BODIES: Record<string, object> = {
  '/v1/chat/completions': { messages: HELLO },
  '/v1/messages': { max_tokens: 200, messages: HELLO },
  '/v1/responses': { input: 'Hello' },
};

/** What is needed of a model. */
type Usable = Pick<Model, 'id' | 'supported_endpoints'>;

/** A command that asks the first model that one may use; a model by name where none is known. `token`: for who needs one. */
export function firstRequest(origin: string, models: readonly Usable[], token?: string): string {
  const paths = Object.keys(BODIES);
  const path = paths.find((each) => models.some((model) => model.supported_endpoints.includes(each))) ?? paths[0] ?? '';
  const model = models.find(({ supported_endpoints }) => supported_endpoints.includes(path))?.id ?? 'MODEL';
  const body = JSON.stringify({ model, ...BODIES[path] });
  const headers = token === undefined ? [] : [`  -H ${quoted(`authorization: Bearer ${token}`)} \\`];
  return [
    `curl ${origin}${path} \\`,
    ...headers,
    `  -H 'content-type: application/json' \\`,
    `  -d ${quoted(body)}`,
  ].join('\n');
}

/** For a shell: a name of a model is somebody else's text. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
