import { answerConfig } from '../src/admin/config-routes.ts';
import { answerGuardrailsTest, GUARDRAILS_TEST_PATH } from '../src/admin/guardrails.ts';
import type { RulesDesk } from '../src/admin/guardrails.ts';
import { answerHolds } from '../src/admin/holds.ts';
import { answerControl } from '../src/admin/routes.ts';
import { auditKeyOf, auditSeedOf } from '../src/audit/key.ts';
import { actorOf } from '../src/contract/audit.ts';
import type { AdminAnswer, AdminQuestion } from '../src/contract/question.ts';
import type { RulesSlice } from '../src/contract/guardrail.ts';
import { configFile } from '../src/control/config-file.ts';
import { Sealer } from '../src/control/sealing.ts';
import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';
import { failed, ok, unreachable } from '../src/lib/result.ts';
import type { FromControl, ToControl } from '../src/serve/control-messages.ts';
import { recordAudit } from '../src/store/audit.ts';
import { formatProblems } from '../config/check.ts';
import type { EnvironmentVariables } from '../config/macros.ts';
import type { Problem } from '../config/problem.ts';
import { rulesOf } from '../config/rules.ts';
import { createAuditKeeper } from './audit-keeper.ts';
import { createAccessDesk } from './access-desk.ts';
import { createConfigDesk } from './config-desk.ts';
import { createConfigReader } from './config-reader.ts';
import { ControlDatabase } from './control-database.ts';
import { ControlKeeper } from './control-keeper.ts';
import { createHoldDesk } from './hold-desk.ts';
import { problem } from './remarks.ts';
import type { OpenRulesDesk } from './rules-desk.ts';
import type { ControlData } from './thread-data.ts';

export interface ControlParts {
  data: ControlData;
  /** What `${NAME}` in configs stands for. */
  env: EnvironmentVariables;
  clock: Clock;
  log: Log;
  post: (message: FromControl) => void;
}

export interface Control {
  take(message: ToControl): void;
  close(): Promise<void>;
}

/** How long a start waits for the store before it takes the local copy. */
const STORE_WITHIN_MS = 5_000;
/** How long a start without a local copy waits before it gives up. */
const GIVE_UP_AFTER_MS = 60_000;

const JSON_TYPE: [string, string] = ['content-type', 'application/json'];

/** Keeps control state: tells the main thread what holds, and answers admins. */
export function runControl({ data, env, clock, log, post }: ControlParts): Control {
  const encoder = new TextEncoder();
  let rules: RulesSlice = { rules: [], disabled: [], unusable: [], egress: { allow: [], caFile: undefined } };

  const database = new ControlDatabase({
    clock,
    log,
    onLook: async () => {
      await keeper.look();
      await audit.look();
    },
  });
  const keeper = new ControlKeeper({
    store: () => database.store,
    truth: data.truth,
    dataDir: data.dataDir,
    file: configFile(data.file),
    reader: createConfigReader({ file: data.file, env, listen: data.listen, sealer: new Sealer(data.secretKey) }),
    startedWith: data.startedWith,
    clock,
    log,
    tell: (message) => {
      if (message.kind === 'state' && message.loaded !== null) {
        rules = rulesOf(message.loaded.config);
        audit.soon();
      }
      post(message);
    },
  });
  const audit = createAuditKeeper({
    pool: () => database.pool,
    key: auditKeyOf(auditSeedOf(data.secretKey)),
    clock,
    log,
    tell: post,
  });

  const start = async (): Promise<void> => {
    const problems = data.truth === 'file' ? await startWithFile() : await startWithTable();
    if (problems.length > 0) post({ kind: 'failed', problems });
  };

  const startWithFile = async (): Promise<Problem[]> => {
    keeper.recall();
    const first = keeper.runFile();
    if (first.ok) return [];
    if (!keeper.fileNamesKeys) return first.fault;
    await database.reach(GIVE_UP_AFTER_MS);
    const second = keeper.runFile();
    return second.ok ? [] : second.fault;
  };

  const startWithTable = async (): Promise<Problem[]> => {
    const local = keeper.recall();
    await database.reach(local === undefined ? GIVE_UP_AFTER_MS : STORE_WITHIN_MS);
    if (keeper.hasConfig) return [];
    if (local === undefined) {
      return keeper.contacted
        ? keeper.problemsOfStore
        : [problem('', 'the database is away, and there is no local copy of control state to start with')];
    }
    const recalled = keeper.runRecalled(local);
    return recalled.ok ? [] : recalled.fault;
  };

  const reload = (): void => {
    if (data.truth === 'table') {
      log.info({}, 'the config is in the database; its file is not read again');
      return;
    }
    const read = keeper.runFile();
    if (read.ok) log.info({ file: data.file }, 'the config file was read again');
    else
      log.error({ problems: formatProblems(read.fault, data.file) }, 'the config file has errors; nothing was changed');
  };

  if (data.database !== undefined) database.open(data.database);
  // One thing at a time: a save never meets a half-adopted state.
  let last: Promise<unknown> = start();
  const inTurn = <T>(work: () => T | Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  const watching = last.then(() => database.watch(inTurn));

  const access = createAccessDesk({ store: () => database.store, look: () => database.look(), clock, log });
  const config = createConfigDesk({ keeper, store: () => database.store, readonly: data.readonly, clock });
  const holds = createHoldDesk({ store: () => database.holds, clock, log });
  const tested: RulesDesk['tested'] = async (caller, { target, ...details }) => {
    const { pool } = database;
    if (pool === undefined) return failed({ code: 'store_unavailable', why: 'it is starting' });
    const entry = { atMs: clock.nowMs(), ...actorOf(caller), action: 'guardrails.tested', target, details } as const;
    try {
      await recordAudit(pool, [entry]);
      return ok(undefined);
    } catch (error) {
      log.warn({ error: errorChain(error) }, 'a trial of rules could not be noted in the audit log');
      return failed({ code: 'store_unavailable', why: 'it does not answer; nothing was tried' });
    }
  };
  /** Loaded when somebody tries a rule, which is seldom, with all that rules and hooks need. */
  let trying: Promise<OpenRulesDesk> | undefined;
  const tried = async (question: AdminQuestion): Promise<AdminAnswer> => {
    trying ??= import('./rules-desk.ts').then(({ openRulesDesk }) =>
      openRulesDesk({ rules: () => rules, secretKey: data.secretKey, clock, tested }),
    );
    return answerGuardrailsTest((await trying).desk, question);
  };
  const answer = (question: AdminQuestion): Promise<AdminAnswer> =>
    answerControl(access, clock, question) ??
    answerHolds(holds, clock, question) ??
    answerConfig({ desk: config, log }, question);

  return {
    take: (message) => {
      switch (message.kind) {
        case 'ask':
          // Trying rules changes nothing, and may wait for hooks: in nobody's turn.
          void (
            message.request.path === GUARDRAILS_TEST_PATH
              ? tried(message.request)
              : inTurn(() => answer(message.request))
          ).then(({ status, body }) => {
            post({ kind: 'answer', ask: message.ask, status, headers: [JSON_TYPE], body: encoder.encode(body) });
          });
          return;
        case 'database':
          database.open(message.address);
          return;
        case 'reload':
          void inTurn(reload).then(() => {
            database.wake();
          });
          return;
        case 'drain':
          void inTurn(() => audit.sign())
            .catch((error: unknown) => {
              database.complain(error);
            })
            .then(() => {
              post({ kind: 'drained' });
            });
          return;
        default:
          return unreachable(message);
      }
    },
    close: async () => {
      database.stop();
      await watching;
      await (await trying)?.close();
      await database.close();
    },
  };
}
