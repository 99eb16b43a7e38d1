import { readBaseUrl } from './base-url.ts';
import { compatibilityOf } from './compatibility.ts';
import { exportFindings } from './export.ts';
import { destinationFindings } from './destinations.ts';
import { readHeaderEntry } from './headers.ts';
import { listenerFindings } from './listeners.ts';
import { neverMatching } from './never-matching.ts';
import { notServed } from './not-served.ts';
import { otlpFindings } from './otlp.ts';
import { ownPriceFindings } from './own-prices.ts';
import { policyTestFindings } from './policy-tests.ts';
import { shown, shownUrl } from './problem.ts';
import type { Finding, Path } from './problem.ts';
import { nameAdvice, overdraftFindings, unsupportedTemplate } from './quotas.ts';
import { hookFindings } from './rules.ts';
import type { Config } from './schema.ts';
import { APERTURE_CAPABILITY } from './schema/grants.ts';
import type { Capability } from './schema/grants.ts';
import type { ProviderConfig } from './schema/providers.ts';
import { UNREADABLE_REFERENCE } from '../src/access/capability.ts';
import { awsScope, readAwsKey } from '../src/keys/aws-signature.ts';
import { COST_BASES, isCostBasis } from '../src/pricing/basis.ts';
import { syslogFindings } from './syslog.ts';
import { webhookFindings } from './webhooks.ts';
import { globMatchesSegment } from './segment-glob.ts';
import { valueAt } from './value-at.ts';

/** Collects findings; `written` is the value before macros, so that no message quotes what a macro put in. */
class Remarks {
  readonly findings: Finding[] = [];
  readonly #written: unknown;

  constructor(written: unknown) {
    this.#written = written;
  }

  /** What Aperture warns about too (aperture.md, section 2.10). */
  warn(path: Path, message: string, atKey = false): void {
    this.findings.push({ severity: 'warning', path, atKey, message, advisory: false });
  }

  /** What only we remark on. */
  advise(path: Path, message: string, atKey = false): void {
    this.findings.push({ severity: 'warning', path, atKey, message, advisory: true });
  }

  error(path: Path, message: string): void {
    this.findings.push({ severity: 'error', path, atKey: false, message, advisory: false });
  }

  written(path: Path): string {
    const value = valueAt(this.#written, path);
    return typeof value === 'string' ? value : '';
  }
}

const DAY_MS = 86_400_000;

/** What a schema cannot see: parts that do not fit together. */
export function remarksOn(config: Config, written: unknown): Finding[] {
  const remarks = new Remarks(written);
  wholeRemarks(config, remarks);
  for (const id of Object.keys(config.providers)) providerRemarks(id, config, remarks);
  for (const name of Object.keys(config.quotas)) quotaRemarks(name, remarks);
  config.grants.forEach((grant, index) => {
    grant.app[APERTURE_CAPABILITY].forEach((capability, at) => {
      capabilityRemarks(capability, { grant: index, capability: at }, config, remarks);
    });
  });
  tempGrantRemarks(config, remarks);
  if (config.server.limits.inflight_bytes < config.server.limits.body_bytes) {
    remarks.error(
      ['server', 'limits', 'inflight_bytes'],
      'is less than server.limits.body_bytes: no body of that size could be taken',
    );
  }
  const { duration = 0 } = config.database.retention;
  if (duration > 0 && duration < DAY_MS) {
    remarks.advise(
      ['database', 'retention', 'duration'],
      'is less than a day: bodies cannot be read any longer than this, but leave the disk with their day, up to 24 h later',
    );
  }
  return [
    ...remarks.findings,
    ...listenerFindings(config.server),
    ...ownPriceFindings(config.server, written),
    ...overdraftFindings(config, written),
    ...policyTestFindings(config),
    ...destinationFindings(config),
    ...webhookFindings(config, written),
    ...otlpFindings(config, written),
    ...syslogFindings(config, written),
    ...exportFindings(config, written),
    ...hookFindings(config, written),
    ...neverMatching(config),
    ...notServed(config),
  ];
}

function wholeRemarks(config: Config, remarks: Remarks): void {
  const providers = Object.keys(config.providers).length;
  const grants = config.grants.length + config.temp_grants.length;
  if (providers === 0 && serverIds(config).length === 0) {
    remarks.warn(
      ['providers'],
      'no providers or mcp servers defined; users will not be able to access any models',
      true,
    );
  }
  if (providers > 0 && grants === 0) {
    const message = 'providers are configured but no grants or temp_grants defined; all access will be denied';
    remarks.warn(['grants'], message, true);
  }
  const admins =
    config.grants.some((grant) => grant.app[APERTURE_CAPABILITY].some(({ role }) => role === 'admin')) ||
    config.temp_grants.some((grant) => grant.grants.some(({ role }) => role === 'admin'));
  if (!admins) {
    const message = 'no grant in grants or temp_grants assigns role:admin; nobody will be able to manage this instance';
    remarks.warn(['grants'], message, true);
  }
}

function providerRemarks(id: string, config: Config, remarks: Remarks): void {
  const provider = config.providers[id];
  if (provider === undefined) return;
  const path = ['providers', id];
  if (id.includes('/')) remarks.advise(path, `provider id "${id}" holds a slash: nobody can ask for it by name`, true);
  baseUrlRemarks(id, provider.baseurl, remarks);
  const keyless = provider.apikey === '' && provider.auth_mode !== 'none' && provider.auth_mode !== 'passthrough';
  // Servers of one's own want no key and are reached by http; public ones by https.
  if (keyless && !provider.disabled && !provider.disabled_without_key && provider.baseurl.startsWith('https:')) {
    remarks.advise(path, `provider ${id} has no apikey configured`, true);
  }
  if (!provider.models.some((model) => model !== '')) remarks.advise(path, `provider ${id} lists no models`, true);
  provider.models.forEach((model, index) => {
    if (model.includes('*')) {
      remarks.advise(
        [...path, 'models', index],
        `provider ${id}: models are exact names; "${shown(model)}" is one too`,
      );
    }
  });
  if (compatibilityOf(provider.compatibility).length === 0) {
    remarks.advise([...path, 'compatibility'], `provider ${id} serves no API: every flag is off`, true);
  }
  if (provider.cost_basis !== '' && !isCostBasis(provider.cost_basis)) {
    const known = COST_BASES.join(', ');
    const written = shown(remarks.written([...path, 'cost_basis']));
    remarks.advise([...path, 'cost_basis'], `provider ${id}: no prices for "${written}"; known are ${known}`);
  }
  signingRemarks(id, provider, remarks);
  addHeaderRemarks([...path, 'add_headers'], `provider ${id}: `, provider.add_headers, remarks);
}

/** What would refuse each request to the provider. A reference to a stored key is not read here. */
function signingRemarks(id: string, provider: ProviderConfig, remarks: Remarks): void {
  const { authorization, apikey, baseurl, aws_region } = provider;
  if (authorization !== 'aws_sigv4' || provider.disabled || apikey === '' || apikey.startsWith('keyid:')) return;
  for (const read of [readAwsKey(apikey.trim()), awsScope(baseurl, aws_region)]) {
    if (!read.ok) remarks.advise(['providers', id, 'authorization'], `provider ${id}: ${read.fault}`);
  }
}

function baseUrlRemarks(id: string, baseurl: string, remarks: Remarks): void {
  const path = ['providers', id, 'baseurl'];
  if (baseurl === '') {
    remarks.warn(path, `provider ${id} has no baseurl configured`, true);
    return;
  }
  const read = readBaseUrl(baseurl);
  if (!read.ok) {
    remarks.warn(path, `provider ${id} has an unusable baseurl: "${shownUrl(remarks.written(path))}" ${read.fault}`);
  } else if (read.value.endsWith('/v1')) {
    remarks.advise(path, `provider ${id}: baseurl should not end in /v1; a doubled /v1 is sent once`);
  }
}

function addHeaderRemarks(path: Path, owner: string, entries: readonly string[], remarks: Remarks): void {
  entries.forEach((entry, index) => {
    const at = [...path, index];
    const read = readHeaderEntry(entry);
    if (read.kind === 'malformed') {
      const written = shown(remarks.written(at));
      remarks.warn(at, `${owner}add_headers entry "${written}" must be in "Header-Name: value" format`);
    }
    if (read.kind === 'own') remarks.advise(at, `${owner}add_headers cannot set "${read.name}": the gateway sets it`);
  });
}

function quotaRemarks(name: string, remarks: Remarks): void {
  const advice = nameAdvice(name);
  if (advice !== undefined) remarks.advise(['quotas', name], `quota "${shown(name)}" ${advice}`, true);
  const template = unsupportedTemplate(name);
  if (template === undefined) return;
  const message = `quota "${name}": quota name "${name}" has unsupported template "${template}" after colon`;
  remarks.warn(['quotas', name], message, true);
}

function capabilityRemarks(
  capability: Capability,
  at: { grant: number; capability: number },
  config: Config,
  remarks: Remarks,
): void {
  const path = ['grants', at.grant, 'app', APERTURE_CAPABILITY, at.capability];
  patternRemarks([...path, 'models'], capability.models, config, remarks);
  for (const field of ['mcp_tools', 'mcp_resources', 'mcp_templates'] as const) {
    const pattern = capability[field];
    const head = pattern?.split('/', 1)[0];
    if (head === undefined || matchesAny(head, serverIds(config))) continue;
    const message = `${field} pattern "${shown(pattern)}" references server "${shown(head)}" which does not match any declared MCP server`;
    remarks.warn([...path, field], message);
  }
  capability.quotas?.forEach(({ bucket }, index) => {
    if (bucket === UNREADABLE_REFERENCE) return;
    const bucketPath = [...path, 'quotas', index, 'bucket'];
    const template = unsupportedTemplate(bucket);
    if (template !== undefined) {
      const place = `grants[${at.grant}] grant ${at.capability} quotas[${index}]`;
      const message = `${place}: bucket ref "${shown(bucket)}" has unsupported template "${shown(template)}" after colon`;
      remarks.warn(bucketPath, message);
    }
    if (!Object.hasOwn(config.quotas, bucket)) {
      remarks.warn(bucketPath, `quotas references undefined quota "${shown(bucket)}"`);
    }
  });
  capability.send_hooks?.forEach(({ name, events }, index) => {
    hookReferenceRemarks([...path, 'send_hooks', index, 'name'], name, config, remarks);
    if (!events.includes('response') || !isHook(name, config)) return;
    remarks.advise(
      [...path, 'send_hooks', index, 'events', events.indexOf('response')],
      `hook "${shown(name)}" is asked about whole answers: a stream reaches its client when it has ended and was judged`,
    );
  });
  addHeaderRemarks([...path, 'add_headers'], '', capability.add_headers ?? [], remarks);
}

function isHook(name: string, { hooks }: Config): boolean {
  return Object.hasOwn(hooks, name) && hooks[name]?.builtin === undefined && hooks[name]?.disabled !== true;
}

function hookReferenceRemarks(path: Path, name: string, config: Config, remarks: Remarks): void {
  if (name === UNREADABLE_REFERENCE || Object.hasOwn(config.hooks, name)) return;
  remarks.warn(path, `send_hooks references undefined hook "${shown(name)}"`);
}

function patternRemarks(path: Path, pattern: string | undefined, config: Config, remarks: Remarks): void {
  const head = pattern?.split('/', 1)[0];
  if (head === undefined || matchesAny(head, Object.keys(config.providers))) return;
  const message = `models pattern "${shown(pattern)}" references provider "${shown(head)}" which does not match any declared provider`;
  remarks.warn(path, message);
}

function matchesAny(head: string, ids: string[]): boolean {
  return head === '**' || ids.some((id) => globMatchesSegment(head, id));
}

function serverIds(config: Config): string[] {
  return [...Object.keys(config.mcp.servers), ...Object.keys(config.connectors.servers)];
}

function tempGrantRemarks(config: Config, remarks: Remarks): void {
  if (config.temp_grants.length > 0) {
    remarks.advise(['temp_grants'], 'temp_grants are deprecated: they are read as grants, write them so', true);
  }
  config.temp_grants.forEach((grant, index) => {
    grant.grants.forEach(({ hook }, at) => {
      if (hook !== undefined) {
        hookReferenceRemarks(['temp_grants', index, 'grants', at, 'hook', 'hook'], hook.hook, config, remarks);
      }
    });
  });
}
