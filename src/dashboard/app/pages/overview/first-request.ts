import * as z from 'zod/mini';

/** `GET /v1/models`: what one may ask, and where. */
export const Models = z.looseObject({
  data: z.array(z.looseObject({ id: z.string(), supported_endpoints: z.array(z.string()) })),
});
export type Models = z.infer<typeof Models>;

const HELLO = [{ role: 'user', content: 'Hello' }];
/** A body that says hello, by path, in the order in which they are tried. */
const BODIES: Record<string, object> = {
  '/v1/chat/completions': { messages: HELLO },
  '/v1/messages': { max_tokens: 200, messages: HELLO },
  '/v1/responses': { input: 'Hello' },
};

/** A command that asks the first model that one may use; a model by name where none is known. */
export function firstRequest(origin: string, models: Models['data']): string {
  const paths = Object.keys(BODIES);
  const path = paths.find((each) => models.some((model) => model.supported_endpoints.includes(each))) ?? paths[0] ?? '';
  const model = models.find(({ supported_endpoints }) => supported_endpoints.includes(path))?.id ?? 'MODEL';
  const body = JSON.stringify({ model, ...BODIES[path] });
  return [`curl ${origin}${path} \\`, `  -H 'content-type: application/json' \\`, `  -d ${quoted(body)}`].join('\n');
}

/** For a shell: a name of a model is somebody else's text. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
