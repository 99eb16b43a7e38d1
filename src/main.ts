#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { Command } from 'commander';
import { formatProblems } from '../config/check.ts';
import { macroVariables, readEnvironment } from '../config/environment.ts';
import type { Environment } from '../config/environment.ts';
import type { Loaded } from '../config/load.ts';
import { errorChain } from './lib/log.ts';
import { packageRoot } from './lib/package-root.ts';
import { addAuditCommands } from './serve/audit-commands.ts';
import { commandLog, GATEWAY_URL } from './serve/command-options.ts';
import { addDeadLetterCommands, addHoldCommands } from './serve/gateway-commands.ts';
import type { GuardrailsTestOptions } from './serve/guardrails-test.ts';
import { addJournalCommands } from './serve/journal-commands.ts';
import { NoConfig } from './serve/no-config.ts';
import type { RepriceOptions } from './serve/reprice.ts';
import type { ExplainOptions } from './serve/show-explain.ts';
import type { FocusOptions } from './serve/show-focus.ts';
import type { UsageOptions } from './serve/show-usage.ts';

/*
 * Each command loads what it runs when it runs: together they are twice the modules of a gateway, which would pay for them
 * at every start.
 */

/** The built-in simulator's port; the shipped config's simulator providers point at it. */
const SIMULATOR_PORT = 8090;

/** Exit codes of `serve` after a signal, besides 0 and 1 (docs/operations.md). */
const EXIT_CUT = 3;
const EXIT_LEFT = 4;

const program = new Command('aperture')
  .description('The AI gateway: identity from the network, routing by model name, exact books, no lost record.')
  .showHelpAfterError();

program
  .command('serve', { isDefault: true })
  .description('run the gateway, with everything it needs')
  .option('--config <file>', 'config file (APERTURE_CONFIG)')
  .option('--config-readonly', 'the config file holds also where there is a DATABASE_URL, and saves are refused', false)
  .option('--no-simulator', 'do not start the built-in simulator')
  .action(async (options: { config?: string; configReadonly: boolean; simulator: boolean }) => {
    const environment = environmentOrExit();
    const file = options.config ?? environment.configFile;
    const log = commandLog(environment, 'front');
    const simulatorPort = Number(process.env['APERTURE_SIMULATOR_PORT'] ?? SIMULATOR_PORT);
    process.on('unhandledRejection', (error) => {
      log.error({ error: errorChain(error) }, 'unhandled rejection');
    });
    const starting = import('./serve/serve.ts').then(({ serve }) =>
      serve({
        file: resolve(configPath(file)),
        configReadonly: options.configReadonly,
        environment,
        log,
        simulatorPort: options.simulator ? simulatorPort : undefined,
        warn: (problems) => {
          if (problems.length > 0) process.stderr.write(`${formatProblems(problems, file)}\n`);
        },
        say,
      }).catch((error: unknown) => {
        if (!(error instanceof NoConfig)) throw error;
        process.stderr.write(`${formatProblems(error.problems, file)}\n`);
        process.exit(1);
      }),
    );
    // From the beginning: a process that is told to stop while it starts stops as soon as it has started.
    process.on('SIGHUP', () => {
      void starting.then((gateway) => {
        gateway.reload();
      });
    });
    let stopping = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        // A second signal means it.
        if (stopping) process.exit(1);
        stopping = true;
        log.info({ signal }, 'asked to stop');
        const drained = starting.then((gateway) => gateway.drain());
        drained.then(
          ({ cut, left, stuck }) => {
            log.info({ cut, left }, stuck ? 'something hangs: this process ends itself by force' : 'stopped');
            // An exit waits for what hangs in the system.
            if (stuck) process.kill(process.pid, 'SIGKILL');
            process.exit(cut > 0 ? EXIT_CUT : left > 0 ? EXIT_LEFT : 0);
          },
          (error: unknown) => {
            log.error({ error: errorChain(error) }, 'draining failed');
            process.exit(1);
          },
        );
      });
    }
    await starting;
  });

program
  .command('check-config')
  .argument('[file]', 'config file')
  .description('say everything that is wrong with a config file, and where')
  .option('--strict', 'treat warnings as errors, as a save does', false)
  .action(async (file: string | undefined, options: { strict: boolean }) => {
    const environment = environmentOrExit();
    const path = file ?? environment.configFile;
    const loaded = await configOrExit(path, environment, options.strict);
    say(`${formatProblems(loaded.warnings, path)}\n`);
  });

program
  .command('explain')
  .description('say what a config lets a caller do, and why')
  .option('--config <file>', 'config file (APERTURE_CONFIG)')
  .option('--login <login>', 'who asks: a login, or "(loopback)"', '')
  .option('--node <id>', 'stable id of the device', '')
  .option('--tags <tags>', 'tags of the device, with commas, in place of a login', listed, [])
  .option('--groups <groups>', 'groups of the login, with commas', listed, [])
  .option('--model <name>', '"model" or "provider/model"; absent: only the grants')
  .option('--json', 'print JSON', false)
  .action(async (options: ExplainOptions & { config?: string; json: boolean }) => {
    if ((options.login === '') === (options.tags.length === 0)) {
      process.stderr.write('aperture explain: give a --login or --tags, and not both\n');
      process.exit(1);
    }
    const environment = environmentOrExit();
    const loaded = await configOrExit(options.config ?? environment.configFile, environment, false);
    const { explainConfig, explanationText } = await import('./serve/show-explain.ts');
    const explanation = explainConfig(loaded, options);
    say(options.json ? JSON.stringify(explanation, null, 2) : explanationText(explanation));
    if (explanation.model?.allowed === false) process.exitCode = 2;
  });

program
  .command('simulate')
  .description('run the built-in provider by itself')
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .option('--port <number>', 'port to listen on', String(SIMULATOR_PORT))
  .action(async (options: { host: string; port: string }) => {
    const { simulate } = await import('./serve/simulate.ts');
    await simulate(options, say);
  });

const usage = program
  .command('usage')
  .description('what was used and what it cost, from a running gateway')
  .option(...GATEWAY_URL)
  .option('--group <by>', 'login, group, node, model (default), provider, agent, api or status')
  .option('--from <time>', 'RFC 3339 time; default: a day ago')
  .option('--to <time>', 'RFC 3339 time; default: now')
  .option('--csv', 'CSV by the day; --group takes several with commas then, default login,model', false)
  .action(async (options: UsageOptions) => {
    const { showUsage } = await import('./serve/show-usage.ts');
    process.exitCode = await showUsage(options, {
      write: (text) => process.stdout.write(text),
      complain: (text) => process.stderr.write(text),
    });
  });
usage
  .command('focus')
  .description('what was charged by the day, as CSV in the columns of FOCUS, from a running gateway')
  .option(...GATEWAY_URL)
  .option('--group <by>', 'some of login, tags, groups, node, agent and api, with commas: what Tags tell apart')
  .option('--from <time>', 'a day, or an RFC 3339 time in it; default: 30 days before the end')
  .option('--to <time>', 'the day that it ends before, or a time in the last one; default: now')
  .action(async (_: unknown, command: Command) => {
    // `usage` has options of the same names, and takes them wherever they stand.
    const options = command.optsWithGlobals<FocusOptions>();
    const { showFocus } = await import('./serve/show-focus.ts');
    const { systemClock } = await import('./lib/clock.ts');
    const write = (text: string): Promise<void> =>
      new Promise((resolve) => {
        process.stdout.write(text, () => {
          resolve();
        });
      });
    const complain = (text: string): boolean => process.stderr.write(text);
    process.exitCode = await showFocus(options, { write, complain }, systemClock.nowMs());
  });

const guardrails = program.command('guardrails').description('rules and hooks: what they find, and what they do');
guardrails
  .command('test')
  .description('try rules on a text or a body; exits with 2 when it would be refused')
  .option('--config <file>', 'the rules of this config, without a gateway; else those of a running one')
  .option(...GATEWAY_URL)
  .option('--hook <names>', 'only these entries of "hooks", with commas; else all that are in force', listed, [])
  .option('--builtin <json>', 'a rule as config has it, in place of those of the config')
  .option('--text <text>', 'what a user says, or with --side response a model')
  .option('--file <file>', 'a whole body, as JSON')
  .option('--side <side>', 'request or response', 'request')
  .option('--api <api>', 'whose body it is', 'openai_chat')
  .option('--call-hooks', 'call external hooks too', false)
  .option('--json', 'print JSON', false)
  .action(async ({ config, ...options }: GuardrailsTestOptions & { config?: string }) => {
    const loaded = config === undefined ? undefined : await configOrExit(config, environmentOrExit(), false);
    const { guardrailsTest } = await import('./serve/guardrails-test.ts');
    process.exitCode = await guardrailsTest(options, loaded, say);
  });

program
  .command('reprice')
  .description('price stored records again with the config and price table of now')
  .option('--config <file>', 'config file (APERTURE_CONFIG)')
  .option('--from <time>', 'RFC 3339 time; default: the beginning')
  .option('--to <time>', 'RFC 3339 time; default: now')
  .option('--model <name>', 'only what was asked for under this name')
  .option('--provider <id>', 'only what this provider served')
  .option('--apply', 'write it; without, only say what would change', false)
  .action(async ({ config, ...options }: RepriceOptions & { config?: string }) => {
    const environment = environmentOrExit();
    const loaded = await configOrExit(config ?? environment.configFile, environment, false);
    const { reprice } = await import('./serve/reprice.ts');
    await reprice(options, loaded, environment, commandLog(environment, 'reprice'), say);
  });

addHoldCommands(program, say);
addDeadLetterCommands(program, say);
addJournalCommands(program, {
  environment: environmentOrExit,
  config: (file, environment) => configOrExit(file ?? environment.configFile, environment, false),
  say,
});
addAuditCommands(program, { environment: environmentOrExit, say });

await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`aperture: ${errorChain(error)}\n`);
  process.exit(1);
});

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function listed(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

function environmentOrExit(): Environment {
  const read = readEnvironment(process.env);
  if (read.ok) return read.value;
  process.stderr.write(`${formatProblems(read.fault, 'environment')}\n`);
  process.exit(1);
}

async function configOrExit(file: string, environment: Environment, strict: boolean): Promise<Loaded> {
  let text: string;
  try {
    text = readFileSync(configPath(file), 'utf8');
  } catch (error) {
    process.stderr.write(`aperture: the config file ${file} cannot be read: ${errorChain(error)}\n`);
    process.exit(1);
  }
  const { loadConfig } = await import('../config/load.ts');
  const loaded = loadConfig({ text, file, env: macroVariables(process.env), listen: environment.listen, strict });
  if (loaded.ok) {
    return loaded.value;
  }
  process.stderr.write(`${formatProblems(loaded.fault, file)}\n`);
  process.exit(1);
}

/** Where we stand, or else in the package: so that the shipped config is found from anywhere. */
function configPath(file: string): string {
  return isAbsolute(file) || readable(file) ? file : join(packageRoot(), file);
}

function readable(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    // Not here: the caller looks elsewhere, and says what it misses.
    return false;
  }
}
