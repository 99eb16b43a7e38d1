import type { SecretKind } from '../../contract/guardrail.ts';

/** A key that tells itself by how it begins. */
export interface KeyForm {
  kind: SecretKind;
  prefix: string;
  /** What follows the prefix, sticky; ends where no more of the key's characters follow. */
  rest: RegExp;
}

function form(kind: SecretKind, prefixes: string, rest: string): KeyForm[] {
  return prefixes.split(' ').map((prefix) => ({ kind, prefix, rest: new RegExp(rest, 'y') }));
}

/** Not followed by a character that keys have. */
const STOP = '(?![A-Za-z0-9_])';
const KEY = '[A-Za-z0-9_-]';
/** `{20,400}` of them, the last of which is no dash: it would be a sentence's. */
function chars(least: number, most = 400): string {
  return `${KEY}{${least - 1},${most - 1}}[A-Za-z0-9_]`;
}
/** Short words and dashes alone are what stands in a manual: `sk-proj-your-openai-api-key-here`. */
const NO_WORDS = `(?![A-Za-z]{1,16}(?:[-_][A-Za-z]{1,16})+(?!${KEY}))`;

/** As the providers document them; longer prefixes first. Lengths are lower bounds where providers have changed them. */
export const KEY_FORMS: readonly KeyForm[] = [
  ...form('provider_key', 'sk-ant-', `(?:api|admin|oat|sid|ort)\\d\\d-${NO_WORDS}${chars(24)}`),
  ...form('provider_key', 'sk-or-', `v\\d-[0-9a-f]{40,64}${STOP}`),
  ...form('provider_key', 'sk-proj- sk-svcacct- sk-admin- sk-None- sk-service-', `${NO_WORDS}${chars(20)}`),
  ...form('provider_key', 'sk-lf- pk-lf-', `[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}${STOP}`),
  // OpenAI's of before projects, DeepSeek's, Moonshot's.
  ...form(
    'provider_key',
    'sk-',
    `(?=${KEY}{0,63}[0-9])(?=${KEY}{0,63}[A-Za-z])(?:[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}|[A-Za-z0-9]{32,64})${STOP}`,
  ),
  ...form('provider_key', 'AIza', `[A-Za-z0-9_-]{35}${STOP}`),
  ...form('provider_key', 'ghp_ gho_ ghu_ ghs_ ghr_', `[A-Za-z0-9]{36,255}${STOP}`),
  ...form('provider_key', 'github_pat_', `[A-Za-z0-9]{22}_[A-Za-z0-9]{59}${STOP}`),
  ...form(
    'provider_key',
    'glpat- gldt- glrt- glptt- glft- glsoat- glcbt- glimt- glagent- gloas- glffct-',
    `[A-Za-z0-9_-]{20,300}(?:\\.[A-Za-z0-9_.]{1,64})?${STOP}`,
  ),
  ...form(
    'provider_key',
    'xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxc- xoxd-',
    `${NO_WORDS}[A-Za-z0-9%-]{9,399}[A-Za-z0-9]${STOP}`,
  ),
  ...form('provider_key', 'xoxe.', `xox[bp]-[A-Za-z0-9-]{20,399}${STOP}`),
  ...form('provider_key', 'xapp-', `\\d-[A-Z0-9]{5,30}-\\d{5,20}-[A-Za-z0-9]{20,100}${STOP}`),
  ...form(
    'provider_key',
    'https://hooks.slack.com/',
    `services/T[A-Z0-9]{5,20}/B[A-Z0-9]{5,20}/[A-Za-z0-9]{20,40}${STOP}`,
  ),
  ...form(
    'provider_key',
    'https://discord.com/ https://discordapp.com/',
    `api/(?:v\\d{1,2}/)?webhooks/\\d{17,20}/${chars(60, 80)}`,
  ),
  // A bot of Discord: its number in base64 comes first.
  ...form(
    'provider_key',
    'MT Mj Mz ND NT Nj Nz OD OT',
    `[A-Za-z0-9]{21,26}\\.[A-Za-z0-9_-]{6}\\.[A-Za-z0-9_-]{27,38}${STOP}`,
  ),
  ...form('provider_key', 'sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_', `[A-Za-z0-9]{10,247}${STOP}`),
  ...form('provider_key', 'whsec_', `[A-Za-z0-9+/]{24,64}={0,2}`),
  ...form('provider_key', 'hf_', `[A-Za-z0-9]{30,60}${STOP}`),
  ...form('provider_key', 'api_org_', `[A-Za-z]{34}${STOP}`),
  ...form('provider_key', 'npm_', `[A-Za-z0-9]{36}${STOP}`),
  ...form('provider_key', 'SG.', `[A-Za-z0-9_-]{16,32}\\.[A-Za-z0-9_-]{16,64}${STOP}`),
  ...form('provider_key', 'SK AC', `[0-9a-f]{32}${STOP}`),
  ...form('provider_key', 'gsk_', `[A-Za-z0-9]{40,64}${STOP}`),
  ...form('provider_key', 'xai-', `[A-Za-z0-9_-]{60,128}${STOP}`),
  ...form('provider_key', 'pplx-', `[A-Za-z0-9]{40,64}${STOP}`),
  ...form('provider_key', 'r8_', `[A-Za-z0-9]{37,40}${STOP}`),
  ...form('provider_key', 'nvapi-', chars(40, 100)),
  ...form('provider_key', 'csk-', `[a-z0-9]{40,64}${STOP}`),
  ...form('provider_key', 'tvly-', chars(20, 64)),
  ...form('provider_key', 'lsv2_pt_ lsv2_sk_', `[0-9a-f]{32}_[0-9a-f]{10}${STOP}`),
  ...form('provider_key', 'pcsk_', `[A-Za-z0-9_]{40,100}${STOP}`),
  ...form('provider_key', 'fw_', `[A-Za-z0-9]{22,40}${STOP}`),
  ...form('provider_key', 'tgp_v1_', chars(40, 64)),
  ...form('provider_key', 'sk_', `[0-9a-f]{48}${STOP}`),
  ...form('provider_key', 'pypi-', `AgEIcHlwaS5vcmc${chars(50, 250)}`),
  ...form('provider_key', 'rubygems_', `[0-9a-f]{48}${STOP}`),
  ...form('provider_key', 'dckr_pat_ dckr_oat_', `[A-Za-z0-9_-]{27,32}${STOP}`),
  ...form('provider_key', 'PMAK-', `[0-9a-f]{24}-[0-9a-f]{34}${STOP}`),
  ...form('provider_key', 'ATATT3', `[A-Za-z0-9_=-]{100,300}`),
  ...form('provider_key', 'shpat_ shpca_ shppa_ shpss_', `[0-9a-fA-F]{32}${STOP}`),
  ...form('provider_key', 'sq0atp- sq0csp-', `[A-Za-z0-9_-]{22,43}${STOP}`),
  ...form('provider_key', 'key-', `[0-9a-f]{32}${STOP}`),
  ...form('provider_key', 'lin_api_ lin_oauth_', `[A-Za-z0-9]{32,64}${STOP}`),
  ...form('provider_key', 'figd_', chars(40, 60)),
  ...form('provider_key', 'ntn_', `[A-Za-z0-9]{40,50}${STOP}`),
  ...form('provider_key', 'secret_', `(?=[A-Za-z0-9]{0,42}\\d)[A-Za-z0-9]{43}${STOP}`),
  ...form('provider_key', 'sntrys_ sntryu_', `[A-Za-z0-9+/=_-]{40,400}`),
  ...form('provider_key', 'glsa_', `[A-Za-z0-9]{32}_[0-9a-f]{8}${STOP}`),
  ...form('provider_key', 'NRAK-', `[A-Z0-9]{27}${STOP}`),
  ...form('provider_key', 'sbp_', `[0-9a-f]{40}${STOP}`),
  ...form('provider_key', 'tskey-', `[a-z]{2,12}-[A-Za-z0-9]{8,24}-[A-Za-z0-9]{20,48}${STOP}`),
  ...form('provider_key', 'pat', `[A-Za-z0-9]{14}\\.[0-9a-f]{64}${STOP}`),
  ...form('provider_key', 'dp.', `(?:pt|st|ct|sa|scim|audit)\\.(?:[a-z0-9_-]{2,35}\\.)?[A-Za-z0-9]{40,44}${STOP}`),
  ...form('provider_key', 'xkeysib-', `[0-9a-f]{64}-[A-Za-z0-9]{16}${STOP}`),
  ...form('provider_key', 'CCIPAT_', `[A-Za-z0-9]{22}_[0-9a-f]{40}${STOP}`),
  ...form('provider_key', 'bkua_', `[0-9a-f]{40}${STOP}`),
  ...form('provider_key', 'pnu_', `[A-Za-z0-9]{36}${STOP}`),
  ...form('provider_key', 'EAAA', `[A-Za-z0-9_-]{60}${STOP}`),
  ...form('provider_key', 'AGE-SECRET-KEY-1', `[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}${STOP}`),
  ...form('cloud_key', 'AKIA ASIA ABIA ACCA', `[A-Z0-9]{16}${STOP}`),
  // Amazon Bedrock.
  ...form('cloud_key', 'ABSK', `[A-Za-z0-9+/]{100,280}={0,2}`),
  ...form('cloud_key', 'GOCSPX-', `[A-Za-z0-9_-]{28}${STOP}`),
  ...form('cloud_key', 'ya29.', `[A-Za-z0-9_-]{20,399}[A-Za-z0-9_]`),
  ...form('cloud_key', 'dop_v1_ doo_v1_ dor_v1_', `[0-9a-f]{64}${STOP}`),
  ...form('cloud_key', 'LTAI', `[A-Za-z0-9]{12,20}${STOP}`),
  ...form('cloud_key', 'AKID', `[A-Za-z0-9]{32}${STOP}`),
  ...form('cloud_key', 'dapi', `[0-9a-f]{32}(?:-\\d)?${STOP}`),
  ...form('cloud_key', 'pul-', `[0-9a-f]{40}${STOP}`),
  ...form('cloud_key', 'hvs. hvb.', chars(24, 300)),
  ...form('cloud_key', 'HRKU-', `${KEY}{36,64}${STOP}`),
  ...form('cloud_key', 'v1.0-', `[0-9a-f]{24}-[0-9a-f]{146}${STOP}`),
  ...form('cloud_key', 'pscale_tkn_ pscale_pw_ pscale_oauth_', `[A-Za-z0-9_.=-]{32,64}`),
];
