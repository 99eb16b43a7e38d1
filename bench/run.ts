import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { Command } from 'commander';
import { errorChain } from '../src/lib/log.ts';
import { packageRoot } from '../src/lib/package-root.ts';
import { startGenerator } from './load/generator.ts';
import { thisMachine } from './machine.ts';
import type { Machine } from './machine.ts';
import type { Answer, Bench, Question } from './question.ts';
import { QUESTIONS } from './questions.ts';
import { isVoid, summaries } from './rounds.ts';
import { printed, verdictOf } from './table.ts';

/** `npm run bench`: asks every question, or those that are named, prints a table of each and writes all to a file. */
interface Options {
  list: boolean;
  quick: boolean;
  json: string;
}

const microFolder = join(packageRoot(), 'dist', 'bench', 'micro');
const micro = readdirSync(microFolder)
  .filter((file) => file.endsWith('.bench.js'))
  .map((file) => file.slice(0, -'.bench.js'.length));

await new Command('npm run bench --')
  .argument('[questions...]', 'which ones; default: all but the micro benchmarks')
  .option('--list', 'say what can be asked, and how long it takes', false)
  .option('--quick', 'see in seconds that questions work; the figures say nothing', false)
  .option('--json <file>', 'where all figures are written', join('bench', 'results', 'latest.json'))
  .action(async (names: string[], options: Options, command: Command) => {
    if (options.list) {
      list();
      return;
    }
    const unknown = names.filter((name) => !QUESTIONS.some((each) => each.name === name) && !micro.includes(name));
    if (unknown.length > 0) {
      command.error(`there is no question ${unknown.join(', ')}; --list says which there are`);
    }
    for (const name of names.filter((each) => micro.includes(each))) runMicro(name);
    const asked = QUESTIONS.filter(({ name }) => names.length === 0 || names.includes(name));
    if (asked.length > 0) await ask(asked, options);
  })
  .parseAsync();

function list(): void {
  for (const { name, asks, minutes } of QUESTIONS) console.log(`${name.padEnd(14)} ${asks} About ${minutes} min.`);
  for (const name of micro) console.log(`${name.padEnd(14)} micro benchmark, only where named`);
}

/** They print their own figures. */
function runMicro(name: string): void {
  const { status } = spawnSync(process.execPath, [join(microFolder, `${name}.bench.js`)], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}

async function ask(questions: readonly Question[], { quick, json }: Options): Promise<void> {
  const machine = thisMachine();
  console.log(about(machine));
  if (quick) console.log('--quick: these figures say nothing');
  const generator = startGenerator();
  if (!generator.first)
    console.log('the load generator waits for its turn, as it is not root: more rounds will be void');
  const bench: Bench = {
    generator,
    size: (full, few) => (quick ? few : full),
    say: (line) => {
      console.error(`   ${line}`);
    },
  };
  const answers: unknown[] = [];
  try {
    for (const question of questions) {
      const began = performance.now();
      // One that cannot be asked must not take the others' answers with it.
      const answer = await question.ask(bench).catch((error: unknown) => {
        console.error(`\n== ${question.name} failed: ${errorChain(error)}`);
        process.exitCode = 1;
      });
      const tookS = (performance.now() - began) / 1000;
      answers.push(recorded(question, answer ?? undefined, tookS));
      if (answer !== undefined) console.log(`${printed(question, answer)}\ntook ${tookS.toFixed(0)} s`);
    }
  } finally {
    generator.stop();
  }
  const file = resolve(packageRoot(), json);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    `${JSON.stringify({ machine, quick, generatorFirst: generator.first, questions: answers }, null, 2)}\n`,
  );
  console.log(`\nall figures: ${file}`);
}

function about(machine: Machine): string {
  const { cpu, cores, node, kernel, packsThreads, commit, dirty, date, loadAverage } = machine;
  const system = `Linux ${kernel}${packsThreads ? ', which packs threads on few processors' : ''}`;
  const state = `commit ${commit.slice(0, 12)}${dirty ? ' with changes' : ''}`;
  const load = loadAverage.map((value) => value.toFixed(2)).join(' ');
  return `${date}: ${cpu} x${cores}, Node ${node}, ${system}, ${state}; load average before: ${load}`;
}

function recorded({ name, asks }: Question, answer: Answer | undefined, tookS: number): unknown {
  if (answer === undefined) return { name, asks, tookS, failed: true };
  return {
    name,
    asks,
    tookS,
    settings: answer.settings,
    rows: answer.rows.map((row) => ({ ...row, void: isVoid(row), summary: summaries(row) })),
    judgements: answer.judgements.map((judgement) => ({ ...judgement, verdict: verdictOf(judgement) })),
    notes: answer.notes,
  };
}
