import type { Command } from 'commander';
import type { Environment } from '../../config/environment.ts';
import type { ListOptions } from './audit-list.ts';
import type { ReceiptOptions } from './audit-receipt.ts';
import type { VerifyOptions } from './audit-verify.ts';
import { commandLog, DATA_DIR, GATEWAY_URL } from './command-options.ts';

/** `aperture audit …`. As all commands, these load what they run when they run. */
export function addAuditCommands(
  program: Command,
  { environment, say }: { environment: () => Environment; say: (text: string) => void },
): void {
  const audit = program.command('audit').description('who did what: the audit log, and receipts of single requests');
  audit
    .command('list', { isDefault: true })
    .description('the newest entries, from a running gateway')
    .option(...GATEWAY_URL)
    .option('--action <name>', 'only these, such as token.created')
    .option('--by <login>', 'only by this admin')
    .option('--target <what>', 'only of this')
    .option('--from <time>', 'RFC 3339 time')
    .option('--to <time>', 'RFC 3339 time')
    .option('--before <number>', 'only older ones')
    .option('--limit <number>', 'at most so many', '100')
    .option('--json', 'print JSON', false)
    .action(async (options: ListOptions) => {
      const { listAudit } = await import('./audit-list.ts');
      process.exitCode = await listAudit(options, say);
    });
  audit
    .command('verify')
    .description('recompute the whole log from the database; says what is wrong and where, and exits with 2')
    .option('--from <number>', 'begin with this entry, and trust the one before', '1')
    .option('--public-key <file>', 'a key that checkpoints may be signed with too, such as an old one', collected, [])
    .option('--checkpoints <file>', 'log lines that were kept elsewhere: the checkpoints among them must fit')
    .option(...DATA_DIR)
    .option('--json', 'print JSON', false)
    .action(async ({ dataDir, ...options }: VerifyOptions & { dataDir?: string }) => {
      const place = at(environment(), dataDir);
      const { verifyAudit } = await import('./audit-verify.ts');
      process.exitCode = await verifyAudit(options, place, commandLog(place, 'audit'), say);
    });
  audit
    .command('export')
    .description('print all of the log from the database, a JSON line each, as it is hashed')
    .option('--from <number>', 'begin with this entry', '1')
    .option(...DATA_DIR)
    .action(async ({ dataDir, ...options }: { from: string; dataDir?: string }) => {
      const place = at(environment(), dataDir);
      const { exportAudit } = await import('./audit-verify.ts');
      process.exitCode = await exportAudit(options, place, commandLog(place, 'audit'), say);
    });
  audit
    .command('key')
    .description('the public key that checkpoints and receipts are signed with')
    .option(...GATEWAY_URL)
    .option('--json', 'print JSON', false)
    .action(async (options: { url: string; json: boolean }) => {
      const { showAuditKey } = await import('./audit-list.ts');
      process.exitCode = await showAuditKey(options, say);
    });
  audit
    .command('receipt')
    .argument('[id]', 'of a request')
    .description(
      'what passed and what was changed, signed; or verify such a receipt, and exit with 2 where it is not good',
    )
    .option(...GATEWAY_URL)
    .option('--verify <file>', 'a receipt, as --json prints it')
    .option('--public-key <file>', 'verify with this key, not with the gateway’s')
    .option('--json', 'print JSON', false)
    .action(async (id: string | undefined, options: ReceiptOptions) => {
      const { auditReceipt } = await import('./audit-receipt.ts');
      process.exitCode = await auditReceipt(id, options, say);
    });
}

function collected(file: string, before: readonly string[]): string[] {
  return [...before, file];
}

function at(environment: Environment, dataDir: string | undefined): Environment {
  return dataDir === undefined ? environment : { ...environment, dataDir };
}
