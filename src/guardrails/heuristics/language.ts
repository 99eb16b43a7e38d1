import { LANGUAGES } from '../../contract/guardrail.ts';
import type { Language } from '../../contract/guardrail.ts';

/** The beginning of a text tells its language; what stands behind it costs time and changes nothing. */
const READ_CHARS = 8_192;

/** Letters below which no language is told; of scripts that write a word with one or two, fewer. */
const LEAST_LETTERS = 60;
const LEAST_DENSE = 20;

/** So much of a text has to be in one script. */
const SCRIPT_PART = 0.7;

const SCRIPTS = [
  'latin',
  'cyrillic',
  'greek',
  'hebrew',
  'arabic',
  'devanagari',
  'thai',
  'han',
  'kana',
  'hangul',
] as const;
type Script = (typeof SCRIPTS)[number];

/** Inclusive ranges; blocks of letters, not of marks and digits. */
const RANGES: readonly [number, number, Script][] = [
  [0x41, 0x5a, 'latin'],
  [0x61, 0x7a, 'latin'],
  [0xc0, 0x24f, 'latin'],
  [0x370, 0x3ff, 'greek'],
  [0x400, 0x52f, 'cyrillic'],
  [0x5d0, 0x5ea, 'hebrew'],
  [0x620, 0x6ff, 'arabic'],
  [0x900, 0x97f, 'devanagari'],
  [0xe00, 0xe7f, 'thai'],
  [0x1100, 0x11ff, 'hangul'],
  [0x1f00, 0x1fff, 'greek'],
  [0x3040, 0x30ff, 'kana'],
  [0x3400, 0x4dbf, 'han'],
  [0x4e00, 0x9fff, 'han'],
  [0xac00, 0xd7a3, 'hangul'],
];

const DENSE: ReadonlySet<Script> = new Set(['han', 'kana', 'hangul']);

/** Undefined where it is too short, mixed, code, or not surely one of those that are known. */
export function languageOf(text: string): Language | undefined {
  const prose = proseOf(text.slice(0, READ_CHARS));
  const counts = scriptsOf(prose);
  const kana = counts.get('kana') ?? 0;
  // Japanese is written with both.
  const han = (counts.get('han') ?? 0) + kana;
  if (kana > 0) counts.delete('kana');
  if (han > 0) counts.set('han', han);
  const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const [script, count] = [...counts].sort((a, b) => b[1] - a[1])[0] ?? ['latin', 0];
  if (count < (DENSE.has(script) ? LEAST_DENSE : LEAST_LETTERS) || count < all * SCRIPT_PART) return undefined;
  switch (script) {
    case 'latin':
      return byWords(prose);
    case 'cyrillic':
      return /[іїєґ]/i.test(prose) ? 'uk' : /[ыэъё]/i.test(prose) ? 'ru' : undefined;
    case 'arabic':
      return /[پچژگ]/.test(prose) ? 'fa' : 'ar';
    case 'han':
    case 'kana':
      return kana * 10 >= han ? 'ja' : 'zh';
    case 'greek':
      return 'el';
    case 'hebrew':
      return 'he';
    case 'devanagari':
      return 'hi';
    case 'thai':
      return 'th';
    case 'hangul':
      return 'ko';
  }
}

/** Without fenced code, code in backticks, addresses and paths: they are in no language of people. */
function proseOf(text: string): string {
  return text
    .split('```')
    .filter((_, index) => index % 2 === 0)
    .join(' ')
    .replace(/`[^`\n]{0,200}`/g, ' ')
    .replace(/https?:\/\/[^\s]{1,500}/g, ' ');
}

/** Of each UTF-16 unit, the script, as its place in `SCRIPTS` and 1; 0 for what is no letter. */
const UNITS = scriptByUnit();

function scriptByUnit(): Uint8Array {
  const units = new Uint8Array(0x10000);
  for (const [from, to, script] of RANGES) units.fill(SCRIPTS.indexOf(script) + 1, from, to + 1);
  return units;
}

function scriptsOf(text: string): Map<Script, number> {
  const counts = new Uint32Array(SCRIPTS.length + 1);
  for (let at = 0; at < text.length; at++) {
    const script = UNITS[text.charCodeAt(at)] ?? 0;
    counts[script] = (counts[script] ?? 0) + 1;
  }
  return new Map(
    SCRIPTS.flatMap((script, at): [Script, number][] => {
      const count = counts[at + 1] ?? 0;
      return count === 0 ? [] : [[script, count]];
    }),
  );
}

/** Words that hardly a sentence of a language does without. Those of several languages stand with each, and tell nothing by themselves. */
const COMMON: Readonly<Partial<Record<Language, string>>> = {
  en: 'the of and to in is that it for was on are with as his they be at this have from or had by but not what all were we when your can said there an which their if will how about out many then them these so some would has more could been who its now did get may',
  de: 'der die und das in den von zu ist mit sich des auf für nicht ein eine dem es im als auch an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde ich wir ihr',
  fr: 'de la le et les des en un du une que est pour qui dans par sur au plus pas ce ne se sont aux avec il ou cette son mais nous vous comme été être leur elle même ces tout fait aussi lui on deux sa ont peut sans je tu très',
  es: 'de la que el en y los se del las un por con una su para es al lo como más pero sus le ha me si sin sobre este ya entre cuando todo esta ser son dos también fue había era muy años hasta desde está mi porque qué sólo han yo hay',
  it: 'di e il la che in un a per è una sono con non del si da come le dei nel alla più anche ma della al lo gli ha questo i delle ed su o se essere stato dalla nella tra loro hanno era dal ci cui ancora perché molto',
  pt: 'de a o que e do da em um para com não uma os no se na por mais as dos como mas ao ele das à seu sua ou quando muito nos já eu também só pelo pela até isso ela entre depois sem mesmo aos ter seus quem nas me esse eles você são está foi',
  nl: 'de het een en van in is dat op te zijn met voor niet aan er om hij ook als maar bij dan uit nog wordt naar heeft worden door over zij ik deze kan geen ze wel meer was tot dit hebben of je we wat zou al haar onder',
  sv: 'och att det i en som är av för den på med till har inte de om ett han men var sig från vi så kan nu när också eller jag ska skulle mycket hade efter bara hur där mot alla vara upp blir få ut detta',
  da: 'og det at i en den til er som på de med for af der ikke han et har var jeg men fra om vi hun så kan skal blev sig også eller efter ud når over være havde kun hvad hvor meget ville bliver nu disse noget',
  pl: 'i w na z do się nie że to jest o jak po co dla od tak przez ale za był oraz są może być jego tego tym czy ich już tylko która który które przed ma też bardzo jej pod były gdy nad bez będzie sobie wszystko',
  cs: 'a v se na je že s z do to i o za ve pro k by po ale od jako si jsem tak co jeho které jsou který jeho jen podle být aby byl není nebo už při bylo až také má když před jeho může roku mezi ještě',
  tr: 've bir bu da de için ile olarak çok daha olan gibi en ne kadar sonra var o ama değil mi her ben olduğunu ya ise olduğu tarafından ancak bunu büyük göre iki yeni zaman şey diye olan kendi hem şu nasıl',
  fi: 'ja on ei se että oli hän mutta ovat kun en niin myös tai ole joka hänen jos vain olen sen mitä kuin jo nyt minä siitä ne sitä me sekä ovat tämä voi kanssa mukaan hyvin sitten vielä mitään kuitenkin',
};

/** Word -> languages. */
const WORDS: ReadonlyMap<string, readonly Language[]> = wordsByLanguage();

function wordsByLanguage(): Map<string, Language[]> {
  const words = new Map<string, Language[]>();
  for (const language of LANGUAGES) {
    for (const word of new Set((COMMON[language] ?? '').split(' '))) {
      if (word !== '') words.set(word, [...(words.get(word) ?? []), language]);
    }
  }
  return words;
}

const LEAST_WORDS = 12;
/** More say the same again. */
const MOST_WORDS = 300;
/** A sentence has a third of such words or more; a list of names or code has few. */
const COMMON_PART = 0.2;
/** Neighbours share many of them: the next language has to be behind by so much. */
const LEAD = 1.3;

function byWords(prose: string): Language | undefined {
  const scores = new Map<Language, number>();
  let words = 0;
  for (const [word] of prose.toLowerCase().matchAll(/[\p{L}\p{M}]{1,40}/gu)) {
    if (words === MOST_WORDS) break;
    words += 1;
    for (const language of WORDS.get(word) ?? []) scores.set(language, (scores.get(language) ?? 0) + 1);
  }
  const [first, second] = [...scores].sort((a, b) => b[1] - a[1]);
  if (first === undefined || words < LEAST_WORDS || first[1] < words * COMMON_PART) return undefined;
  return first[1] >= (second?.[1] ?? 0) * LEAD ? first[0] : undefined;
}
