import type { Provider } from '../contract/provider.ts';

/** What `serve` says once it is ready: where, which providers, and a request to try. */
export function banner(input: {
  urls: readonly string[];
  /** Why a listener does not listen yet, by listener. */
  away: Readonly<Record<string, string>>;
  startedInMs: number;
  providers: readonly Provider[];
  database: string;
  queue: string;
  dataDir: string;
}): string {
  const { providers } = input;
  const [url = 'no address yet', ...further] = input.urls;
  const enabled = providers.filter((provider) => !provider.disabled);
  const width = Math.max(...enabled.map((provider) => provider.id.length), 0);
  const listed = enabled.map(
    ({ id, models, baseUrl }) => `    ${id.padEnd(width)}  ${String(models.length).padStart(3)} models  ${baseUrl}`,
  );
  const off = providers.filter((provider) => provider.disabled).map((provider) => provider.id);
  const model = enabled.find((provider) => provider.compatibility.includes('openai_chat'))?.models[0];
  return [
    '',
    `  Aperture is ready on ${url} (${(input.startedInMs / 1000).toFixed(1)} s)`,
    ...further.map((other) => `  and on ${other}`),
    ...Object.entries(input.away).map(([listener, why]) => `  waiting: ${listener}: ${why}`),
    '',
    `  providers`,
    ...(listed.length > 0 ? listed : ['    none']),
    ...(off.length > 0 ? [`    off until their key is set: ${off.join(', ')}`] : []),
    `  database   ${input.database}`,
    `  queue      ${input.queue}`,
    `  data       ${input.dataDir}`,
    ...(input.urls.length === 0 ? [] : [`  pages      ${url}/ui/`]),
    '',
    ...(model === undefined || input.urls.length === 0
      ? []
      : [
          '  Try it:',
          '',
          `  curl ${url}/v1/chat/completions -H 'content-type: application/json' \\`,
          `    -d '{"model": "${model}", "messages": [{"role": "user", "content": "Say hello"}]}'`,
          '',
          `  What it cost:  curl '${url}/api/requests?limit=1'`,
          '',
        ]),
  ].join('\n');
}
