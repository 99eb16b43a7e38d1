import type { Finding, Path } from './problem.ts';
import type { Config } from './schema.ts';
import { APERTURE_CAPABILITY } from './schema/grants.ts';

/**
 * Settings that are read and checked, but that nothing acts on yet. A setting that silently does nothing is worse than
 * one that is refused, so each use is remarked on, once. A line goes when its room is built.
 */
const NOT_SERVED: { path: Path; what: string; used: (config: Config) => boolean }[] = [
  {
    path: ['connectors'],
    what: 'connectors are not served',
    used: ({ connectors }) => Object.keys(connectors.servers).length > 0,
  },
  {
    path: ['mcp'],
    what: 'MCP servers are not served',
    used: ({ mcp }) => mcp.accept_registrations || Object.keys(mcp.servers).length > 0,
  },
  { path: ['chat_models'], what: 'there are no chat pages', used: ({ chat_models }) => chat_models !== undefined },
];

/** Fields of a capability that nothing acts on. */
const CAPABILITY_FIELDS_NOT_SERVED = [
  'connectors',
  'mcp_tools',
  'mcp_resources',
  'mcp_templates',
  'enable_chat_ui',
  'skills',
  'set_cors',
  'cors_paths',
  'Access-Control-Allow-Origin',
  'Access-Control-Allow-Methods',
  'Access-Control-Allow-Headers',
] as const;

export function notServed(config: Config): Finding[] {
  const findings = NOT_SERVED.filter(({ used }) => used(config)).map(({ path, what }) => advice(path, what));
  for (const field of CAPABILITY_FIELDS_NOT_SERVED) {
    const path = firstCapabilityWith(config, field);
    if (path !== undefined) findings.push(advice([...path, field], `"${field}" of a grant does nothing`));
  }
  const paths = firstCapabilityWith(config, 'direct_paths', (value) => !isTexts(value));
  if (paths !== undefined)
    findings.push(advice([...paths, 'direct_paths'], '"direct_paths" that is no list of texts does nothing'));
  for (const [id, provider] of Object.entries(config.providers)) {
    const path = ['providers', id];
    if (provider.upstream !== undefined) findings.push(advice([...path, 'upstream'], '"upstream" does nothing'));
    if (provider.compatibility?.experimental_gemini_cli_vertex_compat === true) {
      const flag = 'experimental_gemini_cli_vertex_compat';
      findings.push(advice([...path, 'compatibility', flag], `"${flag}" does nothing`));
    }
  }
  return findings;
}

function advice(path: Path, what: string): Finding {
  return { severity: 'warning', path, atKey: true, message: `${what} in this version`, advisory: true };
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function firstCapabilityWith(
  config: Config,
  field: (typeof CAPABILITY_FIELDS_NOT_SERVED)[number] | 'direct_paths',
  counts: (value: unknown) => boolean = () => true,
): Path | undefined {
  for (const [grant, { app }] of config.grants.entries()) {
    const index = app[APERTURE_CAPABILITY].findIndex(
      (capability) => capability[field] !== undefined && counts(capability[field]),
    );
    if (index >= 0) return ['grants', grant, 'app', APERTURE_CAPABILITY, index];
  }
  return undefined;
}
