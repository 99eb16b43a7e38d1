import type { PersonalKind, SecretKind } from '../../../src/contract/guardrail.ts';
import type { Dice } from '../../support/dice.ts';

/** One text: where the value stands that is to be found, or nothing that is. */
export interface Case {
  text: string;
  value: string | undefined;
}

const CARRIERS = [
  'Please write to {} today.',
  'Meine Angaben: {}, danke!',
  'Voici: {}; merci',
  'El dato es {} y nada más',
  '({})',
  '"{}"',
  "'{}'",
  '`{}`',
  '**{}**',
  '[{}](x)',
  '<{}>',
  '{"id": 7, "value": "{}", "ok": true}',
  'name;value;n\nx;{};3',
  'a,{},b',
  'x\t{}\ty',
  'const value = "{}"; // fixed',
  'value={}',
  'value: {}',
  '2024-01-01T10:00:00Z INFO user=7 value={} took=12ms',
  '{}',
  '{}\n',
  '  {}  ',
  'Die Daten:\n- {}\n- andere',
  '这是：{}。',
  'текст: {}, конец',
  '<td>{}</td>',
  'see {}. Then go on',
  'echo "a\\n{}\\nb"',
  '{} is it',
];

function inside(dice: Dice, value: string): string {
  return dice.pick(CARRIERS).replace('{}', () => value);
}

export function digits(dice: Dice, count: number): string {
  return Array.from({ length: count }, () => dice.below(10)).join('');
}

const B64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
export function of(dice: Dice, alphabet: string, count: number): string {
  return Array.from({ length: count }, () => alphabet[dice.below(alphabet.length)]).join('');
}
const hex = (dice: Dice, count: number): string => of(dice, '0123456789abcdef', count);

/** From the definition in ISO/IEC 7812-1, annex B: every second digit from the right doubled, digits of all summed up. */
function withLuhn(body: string, wrong = 0): string {
  const doubled = Array.from(body)
    .reverse()
    .map((digit, at) => (at % 2 === 0 ? String(Number(digit) * 2) : digit))
    .join('');
  const sum = Array.from(doubled).reduce((total, digit) => total + Number(digit), 0);
  return body + String((1000 - sum + wrong) % 10);
}

function cardNumber(dice: Dice, wrong: number): string {
  const [prefix, length] = dice.pick<[string, number]>([
    ['4', 16],
    ['51', 16],
    ['55', 16],
    ['2221', 16],
    ['2720', 16],
    ['34', 15],
    ['37', 15],
    ['6011', 16],
    ['65', 16],
    ['3530', 16],
    ['36', 14],
    ['62', 16],
  ]);
  const plain = withLuhn(prefix + digits(dice, length - prefix.length - 1), wrong);
  const separator = dice.pick(['', '', ' ', '-', '\u00a0', '\u200b']);
  const cuts = length === 16 ? [4, 8, 12] : [4, 10];
  return Array.from(plain)
    .map((digit, at) => (cuts.includes(at) ? separator : '') + digit)
    .join('');
}

function ibanNumber(dice: Dice, wrong: number): string {
  const [country, body] = dice.pick<() => [string, string]>([
    () => ['DE', digits(dice, 18)],
    () => ['GB', of(dice, 'ABCDEFGHIJ', 4) + digits(dice, 14)],
    () => ['FR', digits(dice, 23)],
    () => ['NL', `INGB${digits(dice, 10)}`],
    () => ['BE', digits(dice, 12)],
    () => ['NO', digits(dice, 11)],
    () => ['ES', digits(dice, 20)],
    () => ['MT', `MALT${digits(dice, 5)}${of(dice, B64.toUpperCase(), 18)}`],
    () => ['PL', digits(dice, 24)],
    () => ['CH', digits(dice, 17)],
  ])();
  const numeral = Array.from(`${body}${country}00`)
    .map((char) => parseInt(char, 36).toString())
    .join('');
  const check = 98n - (BigInt(numeral) % 97n);
  const plain = `${country}${(((Number(check) - 2 + wrong + 97) % 97) + 2).toString().padStart(2, '0')}${body}`;
  const written = dice.chance(0.4) ? plain : (plain.match(/.{1,4}/g) ?? []).join(dice.pick([' ', ' ', '-', '\u00a0']));
  return dice.chance(0.1) ? written.toLowerCase() : written;
}

const pad = (value: number, count: number): string => String(value).padStart(count, '0');
const sum = (text: string, weights: number[]): number =>
  weights.reduce((total, weight, at) => total + weight * Number(text[at]), 0);

/** Ids as their offices define them; `wrong` is added to the check. Undefined: no such id, draw again. */
const IDS: ((dice: Dice, wrong: number) => string | undefined)[] = [
  (dice, wrong) =>
    `${wrong > 0 ? dice.pick(['000', '666', '9' + digits(dice, 2)]) : pad(dice.between(1, 665), 3)}-${pad(dice.between(1, 99), 2)}-${pad(dice.between(1, 9999), 4)}`,
  (dice, wrong) => {
    const body = digits(dice, 8);
    return body + dice.pick(['', '-']) + 'TRWAGMYFPDXBNJZSQVHLCKE'.charAt((Number(body) + wrong) % 23);
  },
  (dice, wrong) => {
    const first = dice.below(3);
    const body = digits(dice, 7);
    return (
      'XYZ'.charAt(first) + body + 'TRWAGMYFPDXBNJZSQVHLCKE'.charAt((first * 10_000_000 + Number(body) + wrong) % 23)
    );
  },
  (dice, wrong) => {
    const body =
      pad(dice.between(40, 99), 2) + pad(dice.between(1, 12), 2) + pad(dice.between(1, 28), 2) + digits(dice, 4);
    return body + String((1000 - sum(body, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) + wrong) % 10);
  },
  (dice, wrong) => {
    const body = digits(dice, 9);
    const first = ((sum(body, [10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10) % 11) % 10;
    const second = ((sum(body + String(first), [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) * 10) % 11) % 10;
    return `${body.slice(0, 3)}.${body.slice(3, 6)}.${body.slice(6)}-${first}${(second + wrong) % 10}`;
  },
  (dice, wrong) => {
    const body = `${dice.between(1, 2)}${digits(dice, 2)}${pad(dice.between(1, 12), 2)}${pad(dice.between(1, 95), 2)}${digits(dice, 6)}`;
    const key = pad(Number(97n - (BigInt(body) % 97n)) - wrong, 2);
    return wrong > 0 && key.startsWith('-')
      ? undefined
      : dice.chance(0.5)
        ? body + key
        : `${body.slice(0, 1)} ${body.slice(1, 3)} ${body.slice(3, 5)} ${body.slice(5, 7)} ${body.slice(7, 10)} ${body.slice(10)} ${key}`;
  },
  (dice, wrong) => {
    const born = pad(dice.between(1, 28), 2) + pad(dice.between(1, 12), 2) + digits(dice, 2);
    const serial = pad(dice.between(2, 899), 3);
    return `${born}${dice.pick(['-', '-', 'A'])}${serial}${'0123456789ABCDEFHJKLMNPRSTUVWXY'.charAt((Number(born + serial) + wrong) % 31)}`;
  },
  (dice, wrong) => {
    const body = digits(dice, 2) + pad(dice.between(1, 12), 2) + pad(dice.between(1, 28), 2) + digits(dice, 3);
    const whole = withLuhn(body, wrong);
    return `${whole.slice(0, 6)}-${whole.slice(6)}`;
  },
  (dice, wrong) => {
    const body = digits(dice, 9);
    const check = (11 - (sum(body, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11;
    return check === 10 || /^(.)\1+$/.test(body)
      ? undefined
      : `${body.slice(0, 3)} ${body.slice(3, 6)} ${body.slice(6)}${(check + wrong) % 10}`;
  },
  (dice, wrong) => {
    const body =
      pad(dice.between(40, 99), 2) + pad(dice.between(1, 12), 2) + pad(dice.between(1, 28), 2) + digits(dice, 3);
    const check = pad(97 - (Number(body) % 97) - wrong, 2);
    return check.startsWith('-')
      ? undefined
      : `${body.slice(0, 2)}.${body.slice(2, 4)}.${body.slice(4, 6)}-${body.slice(6)}.${check}`;
  },
  (dice, wrong) =>
    `BSN: ${drawn(dice, 9, (body) => (sum(body, [9, 8, 7, 6, 5, 4, 3, 2, -1]) + wrong) % 11 === 0 && Number(body) > 0)}`,
  (dice, wrong) =>
    (wrong > 0 ? dice.pick(['BG', 'GB', 'ZZ', 'DA']) : dice.pick(['AB', 'JM', 'SX'])) +
    digits(dice, 6) +
    dice.pick(['A', 'B', 'C', 'D']),
];

function drawn(dice: Dice, count: number, fits: (body: string) => boolean): string {
  for (;;) {
    const body = digits(dice, count);
    if (fits(body)) return body;
  }
}

const NAMES = [
  'john',
  'Jane.Doe',
  'ANNA',
  'li_wei',
  'max.mustermann',
  'o.brien',
  'support+tag',
  'a',
  'x99',
  'jürgen',
  'иван',
];
const DOMAINS = [
  'example.com',
  'EXAMPLE.ORG',
  'mail.example.co.uk',
  'bücher.example',
  'xn--bcher-kva.example',
  'sub-domain.firma.de',
  'пример.рф',
  'corp.io',
  'a.museum',
];
/** What JSON may have behind a brace, and printers of it have. */
const BEHIND_BRACES = ['', '', ' ', '\n  ', '\r\n  ', '\t'];
const b64url = (text: string): string => Buffer.from(text).toString('base64url');
const pem = (dice: Dice, label: string): string =>
  `-----BEGIN ${label}-----\n${Array.from({ length: dice.between(2, 25) }, () => of(dice, `${B64}+/`, 64)).join('\n')}\n${of(dice, B64, 20)}=\n-----END ${label}-----`;

const POSITIVES: Record<Exclude<PersonalKind, 'name'> | SecretKind, (dice: Dice) => string> = {
  email: (dice) => `${dice.pick(NAMES)}${dice.below(1000)}@${dice.pick(DOMAINS)}`,
  card: (dice) => cardNumber(dice, 0),
  iban: (dice) => ibanNumber(dice, 0),
  national_id: (dice) => again(() => dice.pick(IDS)(dice, 0)),
  ip_address: (dice) =>
    dice.pick([
      () => `${dice.between(1, 255)}.${dice.below(256)}.${dice.below(256)}.${dice.below(256)}`,
      () => Array.from({ length: 8 }, () => hex(dice, dice.between(3, 4))).join(':'),
      () => `2001:db8::${dice.between(1, 9)}${hex(dice, dice.between(0, 3))}`,
      () => `fe80::${dice.between(1, 9)}:${hex(dice, 4)}`,
    ])(),
  phone: (dice) =>
    dice.pick([
      () => `+49 ${dice.between(20, 99)} ${dice.between(1, 9)}${digits(dice, 6)}`,
      () => `(${dice.between(201, 999)}) ${dice.between(200, 999)}-${digits(dice, 4)}`,
      () => `+1-${dice.between(201, 999)}-${dice.between(200, 999)}-${digits(dice, 4)}`,
      () => `0${dice.between(1, 7)} ${digits(dice, 2)} ${digits(dice, 2)} ${digits(dice, 2)} ${digits(dice, 2)}`,
    ])(),
  provider_key: (dice) =>
    dice.pick([
      () => `sk-ant-api03-${of(dice, `${B64}-_`, 93)}AA`,
      () => `sk-proj-${of(dice, B64, 74)}T3BlbkFJ${of(dice, B64, 74)}`,
      () => `sk-${of(dice, B64, 20)}T3BlbkFJ${of(dice, B64, 20)}`,
      () => `AIza${of(dice, `${B64}-_`, 34)}x`,
      () => `${dice.pick(['ghp', 'gho', 'ghs'])}_${of(dice, B64, 36)}`,
      () => `github_pat_${of(dice, B64, 22)}_${of(dice, B64, 59)}`,
      () => `glpat-${of(dice, B64, 20)}`,
      () => `xoxb-${digits(dice, 12)}-${digits(dice, 13)}-${of(dice, B64, 24)}`,
      () => `sk_live_${of(dice, B64, 24)}`,
      () => `hf_${of(dice, B64, 34)}`,
      () => `npm_${of(dice, B64, 36)}`,
      () => `SG.${of(dice, B64, 22)}.${of(dice, B64, 43)}`,
      () => `SK${hex(dice, 32)}`,
      () => `gsk_${of(dice, B64, 52)}`,
      () => `xai-${of(dice, B64, 80)}`,
      () => `sk-or-v1-${hex(dice, 64)}`,
    ])(),
  cloud_key: (dice) =>
    dice.pick([
      () => `AKIA${of(dice, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)}`,
      () => `ASIA${of(dice, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)}`,
      () => `GOCSPX-${of(dice, B64, 28)}`,
      () => `dop_v1_${hex(dice, 64)}`,
      () => `${of(dice, B64, 3)}8Q~${of(dice, B64, 34)}`,
    ])(),
  private_key: (dice) =>
    pem(
      dice,
      dice.pick([
        'RSA PRIVATE KEY',
        'PRIVATE KEY',
        'OPENSSH PRIVATE KEY',
        'EC PRIVATE KEY',
        'ENCRYPTED PRIVATE KEY',
        'PGP PRIVATE KEY BLOCK',
      ]),
    ),
  jwt: (dice) =>
    `${b64url(`{${dice.pick(BEHIND_BRACES)}"alg":"${dice.pick(['HS256', 'RS256', 'none'])}","typ":"JWT"}`)}.${b64url(`{${dice.pick(BEHIND_BRACES)}"sub":"${digits(dice, 9)}","iat":${digits(dice, 1)}}`)}.${of(dice, `${B64}-_`, 42)}x`,
};

export const KINDS = [
  'email',
  'iban',
  'card',
  'national_id',
  'ip_address',
  'phone',
  'provider_key',
  'cloud_key',
  'private_key',
  'jwt',
] as const;
export type CorpusKind = (typeof KINDS)[number];

function again(draw: () => string | undefined): string {
  for (;;) {
    const value = draw();
    if (value !== undefined) return value;
  }
}

/** What is near to each kind and is not of it. */
const NEAR: Record<CorpusKind, (dice: Dice) => string> = {
  email: (dice) =>
    dice.pick([
      '@mention',
      'user@host',
      `lodash@4.${dice.below(99)}.1`,
      'icon@2x.png',
      'git@github.com:owner/repo.git',
      'https://user:secret@db.example.com/x',
      '@app.get("/")',
      'a @ b.com',
      '@types/node',
      'foo@',
      'x = a@b',
    ]),
  card: (dice) =>
    dice.pick([
      () => cardNumber(dice, dice.between(1, 9)),
      () => `1${digits(dice, 15)}`,
      () => `4111111111111111${digits(dice, 6)}`,
      () => `ord_${withLuhn(`4${digits(dice, 14)}`)}`,
    ])(),
  iban: (dice) =>
    dice.pick([
      () => ibanNumber(dice, dice.between(1, 50)),
      () => `XX${digits(dice, 20)}`,
      () => `DE${digits(dice, 9)}`,
    ])(),
  national_id: (dice) => again(() => dice.pick(IDS)(dice, dice.between(1, 9))),
  ip_address: (dice) =>
    dice.pick([
      () => `v1.${dice.below(99)}.3.4`,
      () => `version 10.${dice.below(99)}.3.4`,
      () => `1.3.6.1.4.1.${digits(dice, 4)}`,
      () => `256.1.${dice.below(99)}.4`,
      () => `Chrome/120.0.0.${dice.below(99)}`,
      () => `12:30:${pad(dice.below(60), 2)}`,
      () => Array.from({ length: 6 }, () => hex(dice, 2)).join(':'),
      () => 'std::vector',
      () => `1.2.${dice.below(9)}`,
      () => 'a[::2]',
    ])(),
  phone: (dice) => `#${digits(dice, 9)}`,
  provider_key: (dice) =>
    dice.pick([
      () => 'sk-learn',
      () => `sk-${digits(dice, 4)}`,
      () => 'ghp_short',
      () => `task-force-${hex(dice, 32)}`,
      () => 'AIza',
      () => `SKU${digits(dice, 32)}`,
      () => 'npm_config_registry',
      () => 'hf_hub_download',
    ])(),
  cloud_key: (dice) =>
    dice.pick([
      () => `AKIA${of(dice, 'ABCDEF', 10)}`,
      () => of(dice, B64, 40),
      () => hex(dice, 40),
      () => `sha512-${of(dice, B64, 86)}==`,
      () => 'GOCSPX',
    ])(),
  private_key: (dice) =>
    dice.pick([
      () => pem(dice, 'CERTIFICATE'),
      () => pem(dice, 'PUBLIC KEY'),
      () => 'lines begin with -----BEGIN PRIVATE KEY----- there',
      () => '----------',
    ])(),
  jwt: (dice) =>
    dice.pick([
      () => `eyJ${of(dice, B64, 30)}.eyJ${of(dice, B64, 30)}.${of(dice, B64, 30)}`,
      () => b64url('{"alg":"HS256"}'),
      () => `${b64url('{"alg":"HS256"}')}.abc.def`,
      () => b64url(`{"a":${digits(dice, 5)}}`),
    ])(),
};

/** What many texts have. */
const COMMON: ((dice: Dice) => string)[] = [
  (dice) => `order ${digits(dice, 8)}`,
  (dice) => `${hex(dice, 8)}-${hex(dice, 4)}-4${hex(dice, 3)}-a${hex(dice, 3)}-${hex(dice, 12)}`,
  (dice) => Buffer.from(digits(dice, 30)).toString('base64'),
  (dice) => hex(dice, 64),
  (dice) => hex(dice, 40),
  (dice) => `${dice.below(20)}.${dice.below(20)}.${dice.below(20)}-beta.1`,
  (dice) => `20${digits(dice, 2)}-0${dice.between(1, 9)}-1${dice.below(10)} 10:00:00`,
  (dice) => `52.${digits(dice, 6)}, 13.${digits(dice, 6)}`,
  (dice) => `1Z${of(dice, 'ABCDEFGH', 6)}${digits(dice, 10)}`,
  () => 'for (let i = 0; i < 10; i++) sum += a[i];',
  (dice) => `17${digits(dice, 11)}`,
  (dice) => `$${digits(dice, 3)},${digits(dice, 3)}.00`,
  () => 'The quick brown fox',
];

export function positive(dice: Dice, kind: CorpusKind): Case {
  const value = POSITIVES[kind](dice);
  const text = inside(dice, value);
  // A word of context is none of the id.
  return { text, value: value.replace(/^BSN: /, '') };
}

export function negative(dice: Dice, kind: CorpusKind): Case {
  const value = dice.chance(0.6) ? NEAR[kind](dice) : dice.pick(COMMON)(dice);
  return { text: inside(dice, value), value: undefined };
}
