import { hookedBy } from '../capture/messages.ts';
import type { CaptureOrder } from '../capture/messages.ts';
import type { Facts } from '../contract/facts.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { postFactsOf } from '../guardrails/hooks/post-hooks.ts';
import type { InspectorPool } from '../inspect/pool.ts';
import { sessionOfHeaders } from '../inspect/session.ts';
import type { Journal } from '../journal/journal.ts';
import { replay } from '../journal/replay.ts';
import type { Slot } from '../journal/slots.ts';
import type { StoredExchange } from '../journal/stored.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { assemble } from '../records/assemble.ts';
import type { BookIds, JobsSettings } from '../records/messages.ts';
import { Settler } from '../records/settle.ts';
import type { JournaledExchange } from '../records/settle.ts';
import { otlpTold } from '../sinks/otlp/settings.ts';
import { isRecordEvent } from '../sinks/record-events.ts';
import type { Config } from '../../config/schema.ts';
import { capturesOf, deliveriesOf, quotasOf, retentionOf } from '../../config/slices.ts';
import { builtFile } from './built-file.ts';
import { CaptureThread } from './capture-thread.ts';
import { JobsThread } from './jobs-thread.ts';
import { Past } from './past.ts';
import { QuotaThread } from './quota-thread.ts';
import { Quotas } from './quotas.ts';
import { offerAgain, readBack } from './replay.ts';
import { SegmentBooks } from './segment-books.ts';
import type { Lost } from './segment-books.ts';
import type { SegmentMarks } from './watermarks.ts';

/** How often the journal is held against the database, where there is reason to. */
const BOOKS_EVERY_MS = 1_000;

/** A start waits so long for the store of quotas, which may be away. */
const QUOTAS_WITHIN_MS = 10_000;

export interface BookkeepingParts {
  dataDir: string;
  slot: Slot;
  journal: Journal;
  inspectors: InspectorPool;
  /** Told of every record once, as it is first made. */
  metrics: { record(record: ExchangeRecord): void };
  workerData: Record<string, unknown>;
  clock: Clock;
  log: Log;
}

/**
 * The books: everything that remembers an exchange, from its first frame in the journal until the database has its record
 * and its capture, and every quota what it was charged. Each of them owns its own; here stands who tells whom.
 */
export class Bookkeeping {
  readonly journal: Journal;
  readonly jobs: JobsThread;
  readonly quotaThread: QuotaThread;
  readonly quotas: Quotas;
  readonly captures: CaptureThread;
  readonly segments: SegmentBooks;
  readonly settler: Settler;
  readonly past: Past;
  readonly #parts: BookkeepingParts;
  /** By the name that a journal's segments are counted under: our own, and those that we hand on for others. */
  readonly #marks: Map<string, SegmentMarks>;
  readonly #holding: NodeJS.Timeout;
  /** Whether anybody is told of which trace an exchange is. */
  #traced: boolean;

  constructor(parts: BookkeepingParts, config: Config) {
    const { workerData, journal, slot, log } = parts;
    this.#parts = parts;
    this.journal = journal;
    this.#traced = isTraced(config);
    this.jobs = this.#startJobs(config);
    this.quotaThread = new QuotaThread({
      file: builtFile('quota'),
      workerData,
      names: quotasOf(config).map(({ name }) => name),
      log,
    });
    this.quotas = this.#openQuotas(config);
    this.captures = this.#startCaptures(config);
    this.segments = this.#openSegments();
    this.#marks = new Map([[slot.gatewayId, this.segments]]);
    this.settler = this.#openSettler();
    this.past = this.#openPast();
    this.#holding = setInterval(() => {
      this.segments.tick();
    }, BOOKS_EVERY_MS);
  }

  /** Resolves once it is known what may be spent, or after a while. */
  ready(): Promise<void> {
    return this.quotas.opened(QUOTAS_WITHIN_MS);
  }

  reconfigure(config: Config): void {
    this.#traced = isTraced(config);
    this.captures.reconfigure(capturesOf(config));
    this.quotas.ledger.reconfigure(quotasOf(config));
    this.quotaThread.reconfigure(this.quotas.ledger.names);
    this.jobs.reconfigure(jobsSettingsOf(config));
  }

  /** Takes up nothing more than what this process itself still adds. */
  async stopLooking(): Promise<void> {
    await this.past.stop();
    clearInterval(this.#holding);
    this.segments.stop();
  }

  /** All but the journal, which is the last to be written and is closed by itself. */
  async close(): Promise<void> {
    await Promise.all([
      this.jobs.close(),
      this.captures.close(),
      this.quotas.close().then(() => this.quotaThread.close()),
    ]);
  }

  #startJobs(config: Config): JobsThread {
    const { workerData, log } = this.#parts;
    return new JobsThread(
      {
        file: builtFile('jobs'),
        workerData,
        log,
        onAccepted: (ids) => {
          for (const id of ids) {
            this.journal.forget(id as ExchangeId);
            this.quotas.ledger.forget(id as ExchangeId);
          }
        },
        onRefused: (refused) => {
          for (const { id, login } of refused) this.settler.again(id as ExchangeId, login);
        },
        onSettled: (gateway, segments) => {
          this.#marks.get(gateway)?.counted(segments);
        },
      },
      jobsSettingsOf(config),
    );
  }

  #openQuotas(config: Config): Quotas {
    const { slot, clock, log } = this.#parts;
    return new Quotas(
      {
        folder: slot.folder,
        gatewayId: slot.gatewayId,
        clock,
        claim: (life, claims) => this.quotaThread.claim(life, claims),
        log,
      },
      quotasOf(config),
    );
  }

  #startCaptures(config: Config): CaptureThread {
    const { workerData, slot, log } = this.#parts;
    return new CaptureThread(
      {
        file: builtFile('capture'),
        workerData,
        log,
        journal: { folder: slot.folder, gateway: slot.gatewayId },
        extentsOf: (id) => this.journal.extentsOf(id),
        onWanted: (gateway, segment, id) => {
          this.#marks.get(gateway)?.capture(segment, id);
        },
        onUnwanted: (gateway, segment, id) => {
          this.#marks.get(gateway)?.noCapture(segment, id);
        },
      },
      capturesOf(config),
    );
  }

  #openSegments(): SegmentBooks {
    const { clock, log } = this.#parts;
    return new SegmentBooks({
      journal: this.journal,
      clock,
      log,
      missing: (ids) => this.jobs.missing(ids),
      isQuiet: () => this.jobs.isQuiet && this.journal.stats().pendingJobs === 0,
      isBeingCaptured: (id) => this.captures.isUnderWay(id),
      offerAgain: (lost) => this.#offerAgain(lost),
    });
  }

  #openSettler(): Settler {
    const { inspectors, metrics, log } = this.#parts;
    return new Settler({
      assemble: (exchange, facts) => this.#assembleOwn(exchange, facts),
      ship: (record) => this.jobs.ship(record),
      reinspect: async (id) => {
        const stored = await this.journal.readExchange(id);
        return stored === undefined ? undefined : readBack(inspectors, stored);
      },
      left: (id) => {
        this.quotas.ledger.release(id);
        // In a later turn than this one, in which its capture may still be asked for.
        setImmediate(() => {
          this.journal.forget(id);
        });
      },
      onRecord: (record, { id, hooks }) => {
        metrics.record(record);
        const wanted = { id, segment: record.segment, login: record.login };
        this.captures.want(hooks.length === 0 ? wanted : { ...wanted, post: postFactsOf(record) });
      },
      log,
    });
  }

  #openPast(): Past {
    const { dataDir, slot, inspectors, clock, log } = this.#parts;
    return new Past({
      dataDir,
      slot,
      journal: this.journal,
      replay: {
        inspectors,
        assemble: (gateway, exchange, facts) => this.#assemble(gateway, exchange, facts),
        ship: (record) => this.jobs.ship(record),
        missing: (ids: BookIds) => this.jobs.missing(ids),
        capture: (order: CaptureOrder, login) => {
          this.captures.wantStored(order, login);
        },
        quotas: this.quotas,
        log,
      },
      marks: this.#marks,
      jobs: this.jobs,
      captures: this.captures,
      clock,
    });
  }

  #offerAgain(lost: Lost): Promise<ReadonlySet<ExchangeId>> {
    const { folder, gatewayId } = this.#parts.slot;
    return offerAgain(
      {
        inspectors: this.#parts.inspectors,
        assemble: (exchange, facts) => this.#assembleOwn(exchange, facts),
        ship: (record) => this.jobs.ship(record),
        exchanges: (from, only) => replay({ folder, from, before: Infinity, only, onSegment: () => undefined }),
        firstSegment: this.journal.firstSegment,
        capture: ({ opened, segment, extents }: StoredExchange) => {
          const journal = { folder, gateway: gatewayId };
          this.captures.orderAgain({ id: opened.id, journal, segment, extents, ...hookedBy(opened) }, opened.login);
        },
      },
      lost,
    );
  }

  #assembleOwn(exchange: JournaledExchange, facts: Facts | undefined): ExchangeRecord {
    return this.#assemble(this.#parts.slot.gatewayId, exchange, facts);
  }

  #assemble(gateway: string, exchange: JournaledExchange, facts: Facts | undefined): ExchangeRecord {
    // One by one: what is added to a copy made by `...`, V8 adds slowly, and here for each request.
    return assemble({
      opened: exchange.opened,
      closed: exchange.closed,
      facts,
      gateway,
      segment: exchange.segment,
      remains: exchange.remains,
      // Facts have a session of their own.
      session: facts === undefined ? sessionOfHeaders(exchange.opened.request_headers) : undefined,
      missingFrames: exchange.missingFrames,
      charges: this.quotas.chargesOf(this.journal, exchange, facts),
      traced: this.#traced,
    });
  }
}

function jobsSettingsOf(config: Config): JobsSettings {
  const { webhooks, syslog = [], otlp = [] } = deliveriesOf(config);
  const told = [
    ...[...webhooks, ...syslog].map(({ destination, events, filter }) => ({ destination, events, filter })),
    ...otlp.flatMap(otlpTold),
  ];
  return { retention: retentionOf(config), told: told.filter(({ events }) => events.some(isRecordEvent)) };
}

function isTraced(config: Config): boolean {
  return (deliveriesOf(config).otlp ?? []).some((settings) => otlpTold(settings).length > 0);
}
