import type { Command } from 'commander';
import type { Environment } from '../../config/environment.ts';
import type { Loaded } from '../../config/load.ts';
import { commandLog, DATA_DIR } from './command-options.ts';

const FOLDER = ['--folder <folder>', 'one journal by itself, such as a copy of another machine’s'] as const;

interface JournalOptions {
  dataDir?: string;
  folder?: string;
}

export interface CommandParts {
  environment: () => Environment;
  /** The config of a file, or of the environment's; the process ends where there is none. */
  config: (file: string | undefined, environment: Environment) => Promise<Loaded>;
  say: (text: string) => void;
}

/** `aperture journal …`. As all commands, these load what they run when they run. */
export function addJournalCommands(program: Command, { environment, config, say }: CommandParts): void {
  const journal = program.command('journal').description('the files that every exchange passes through');
  journal
    .command('ls', { isDefault: true })
    .description('list its segments')
    .option(...DATA_DIR)
    .option(...FOLDER)
    .action(async (options: JournalOptions) => {
      const { listJournal } = await import('./journal-list.ts');
      process.exitCode = await listJournal({ dataDir: environment().dataDir, ...options }, say);
    });
  journal
    .command('verify')
    .description('check every frame and say where it is damaged; exits with 2 when it is')
    .option(...DATA_DIR)
    .option(...FOLDER)
    .action(async (options: JournalOptions) => {
      const { verifyJournal } = await import('./journal-list.ts');
      process.exitCode = await verifyJournal({ dataDir: environment().dataDir, ...options }, say);
    });
  journal
    .command('replay')
    .description('store the records of a journal that no process has: into DATABASE_URL, or the embedded database')
    .option('--config <file>', 'config file (APERTURE_CONFIG), for its prices')
    .option(...DATA_DIR)
    .option(...FOLDER)
    .option('--dry-run', 'say what it would make, and store nothing', false)
    .action(async ({ config: file, ...options }: JournalOptions & { config?: string; dryRun: boolean }) => {
      const own = environment();
      const loaded = await config(file, own);
      const place = { dataDir: own.dataDir, ...options };
      const { replayJournals } = await import('./journal-replay.ts');
      const at = { ...own, dataDir: place.dataDir };
      process.exitCode = await replayJournals(place, loaded, at, commandLog(own, 'replay'), say);
    });
}
