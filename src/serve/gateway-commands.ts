import type { Command } from 'commander';
import { GATEWAY_URL } from './command-options.ts';
import type { HoldWish } from './holds.ts';

/*
 * Commands that ask a running gateway. As all commands, these load what they run when they run.
 */

/** `aperture hold …`. */
export function addHoldCommands(program: Command, say: (text: string) => void): void {
  const hold = program.command('hold').description('legal hold: what must outlive its retention, on a running gateway');
  hold
    .command('add')
    .description('keep what was captured of a login or a session, whatever retention says')
    .requiredOption('--reason <text>', 'why')
    .option('--login <login>', 'whose requests')
    .option('--session <id>', 'of which session')
    .option('--from <time>', 'RFC 3339 time; default: the beginning')
    .option('--to <time>', 'RFC 3339 time; default: without an end')
    .option(...GATEWAY_URL)
    .action(async ({ url, ...wish }: HoldWish & { url: string }) => {
      const { addHold } = await import('./holds.ts');
      process.exitCode = await addHold(url, wish, say);
    });
  hold
    .command('ls')
    .description('all holds, released ones too')
    .option(...GATEWAY_URL)
    .action(async ({ url }: { url: string }) => {
      const { listHolds } = await import('./holds.ts');
      process.exitCode = await listHolds(url, say);
    });
  hold
    .command('release')
    .argument('<id>', 'the hold')
    .description('let go of what no other hold covers and whose retention is over')
    .option(...GATEWAY_URL)
    .action(async (id: string, { url }: { url: string }) => {
      const { releaseHold } = await import('./holds.ts');
      process.exitCode = await releaseHold(url, id, say);
    });
}

/** `aperture dead-letters …`. */
export function addDeadLetterCommands(program: Command, say: (text: string) => void): void {
  const letters = program.command('dead-letters').description('what could not be stored, in a running gateway');
  letters
    .command('ls', { isDefault: true })
    .description('list the newest')
    .option(...GATEWAY_URL)
    .option('--limit <number>', 'at most so many', '100')
    .action(async (options: { url: string; limit: string }) => {
      const { listDeadLetters } = await import('./dead-letters.ts');
      process.exitCode = await listDeadLetters(options, say);
    });
  letters
    .command('show')
    .description('print one whole, as JSON')
    .argument('<id>')
    .option(...GATEWAY_URL)
    .action(async (id: string, { url }: { url: string }) => {
      const { showDeadLetter } = await import('./dead-letters.ts');
      process.exitCode = await showDeadLetter({ url, id }, say);
    });
  letters
    .command('replay')
    .description('try to store one again, or all of them; exits with 2 when some are still dead')
    .argument('[id]')
    .option(...GATEWAY_URL)
    .action(async (id: string | undefined, { url }: { url: string }) => {
      const { replayDeadLetters } = await import('./dead-letters.ts');
      process.exitCode = await replayDeadLetters(id === undefined ? { url } : { url, id }, say);
    });
}
