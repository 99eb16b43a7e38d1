import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { FrontMetrics } from '../front/front-metrics.ts';
import type { FrontServices } from '../front/services.ts';
import type { Whois } from '../identity/whois-cache.ts';
import type { InspectorPool } from '../inspect/pool.ts';
import type { Journal } from '../journal/journal.ts';
import type { Resources } from '../resources/resources.ts';
import type { Bookkeeping } from './bookkeeping.ts';
import type { ControlThread } from './control-thread.ts';

/**
 * How often the event loop is asked for its delay. What Node then notes is the whole time between two askings: so much of
 * it is no delay.
 */
const LOOP_RESOLUTION_MS = 10;

export interface MeasuredParts {
  services: FrontServices;
  books: Bookkeeping;
  api: { readonly pending: number };
  control: ControlThread;
  inspectors: InspectorPool;
  whois: Whois;
}

/** What every holder of bytes and every queue says of itself (docs/architecture.md, "Bounds"). */
export function gatewayMetrics(metrics: FrontMetrics, parts: MeasuredParts): void {
  const { services, books, api, control, inspectors, whois } = parts;
  measureProcess(metrics);
  measureFront(metrics, services, whois);
  measureBooks(metrics, books);
  measureQuotas(metrics, books);
  measureLookups(metrics, services.resources, api);
  measureControl(metrics, services, control);
  measureInspectors(metrics, inspectors);
  measureJournal(metrics, books.journal);
}

function measureProcess(metrics: FrontMetrics): void {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delay.enable();
  metrics.gauge('aperture_event_loop_delay_p99_seconds', 'Of the front door, since the last scrape', () => {
    const noted = delay.percentile(99) / 1e9;
    delay.reset();
    return Math.max(0, noted - LOOP_RESOLUTION_MS / 1000);
  });
  metrics.gauge('aperture_resident_memory_bytes', 'Of this process', () => process.memoryUsage.rss());
}

function measureFront(metrics: FrontMetrics, services: FrontServices, whois: Whois): void {
  metrics.gauge('aperture_live_exchanges', 'Requests to models that run now', () => services.live.size);
  metrics.gauge('aperture_live_subjects', 'Things that a running request can be revoked by', () => {
    return services.live.subjects;
  });
  metrics.gauge('aperture_websockets', 'Of clients, open now', () => services.sockets.size);
  metrics.gauge('aperture_websocket_unsent_bytes', 'Handed to those, and not taken yet', () => {
    return services.sockets.unsentBytes;
  });
  metrics.gauge('aperture_revocations', 'Things that the kill switch has revoked now', () => {
    return services.killSwitch.inForce;
  });
  metrics.total('aperture_revoked_exchanges_total', 'Running exchanges that the kill switch ended', () => {
    return services.killSwitch.ended;
  });
  metrics.gauge('aperture_inflight_bytes', 'Bodies in flight', () => services.budget.usedBytes);
  metrics.total('aperture_inflight_refused_total', 'Refusals for want of room', () => services.budget.refused);
  metrics.total('aperture_whois_lookups_total', 'Questions to tailscaled who an address is', () => whois.lookups);
  metrics.gauge('aperture_whois_under_way', 'Addresses that are being asked for', () => whois.underWay);
  metrics.total('aperture_whois_failures_total', 'Those without an answer', () => whois.failures);
}

function measureBooks(metrics: FrontMetrics, { settler, jobs, captures, segments }: Bookkeeping): void {
  metrics.gauge('aperture_unsettled_exchanges', 'Ended, and not yet a record handed on', () => settler.depth);
  metrics.gauge('aperture_exchanges_to_read', 'To be read again from the journal', () => settler.toRead);
  metrics.total('aperture_exchanges_left_total', 'Left to the journal, for want of room', () => {
    return settler.refused;
  });
  metrics.total('aperture_records_lost_total', 'Exchanges that are in the journal no more and have no record', () => {
    return settler.lost;
  });
  metrics.gauge('aperture_records_waiting', 'Records that the queue has not taken yet', () => jobs.waiting);
  metrics.total('aperture_records_refused_total', 'Records sent back to the journal', () => jobs.refused);
  metrics.gauge('aperture_captures_waiting', 'Exchanges to be captured', () => captures.waiting);
  metrics.gauge('aperture_capture_places', 'Places in the journal where those stand', () => captures.places);
  metrics.total('aperture_captures_refused_total', 'Left to the journal, for want of room', () => captures.refused);
  metrics.total('aperture_captures_unreadable_total', 'Exchanges that could not be read from the journal', () => {
    return captures.unreadable;
  });
  metrics.total('aperture_retention_partitions_dropped_total', 'Purged by this process', () => {
    return jobs.retention?.partitionsDropped ?? 0;
  });
  metrics.total('aperture_retention_bytes_dropped_total', 'What these held on disk', () => {
    return jobs.retention?.bytesDropped ?? 0;
  });
  metrics.gauge('aperture_retention_last_run_timestamp_seconds', 'Last purge by this process; 0 for none', () => {
    return (jobs.retention?.lastRunAtMs ?? 0) / 1000;
  });
  metrics.gauge('aperture_retention_oldest_captures_timestamp_seconds', 'Begin of the oldest day; 0 for none', () => {
    return (jobs.retention?.oldestCapturesMs ?? 0) / 1000;
  });
  metrics.gauge('aperture_retention_partitions_waiting', 'Due, and to be exported first', () => {
    return jobs.retention?.partitionsWaiting ?? 0;
  });
  metrics.total('aperture_records_offered_again_total', 'Taken by the queue, and lost there', () => {
    return segments.offered.records;
  });
  metrics.total('aperture_captures_offered_again_total', 'Taken by the queue, and lost there', () => {
    return segments.offered.captures;
  });
  metrics.total('aperture_exchanges_gone_total', 'Neither in the database nor in the journal', () => segments.gone);
  metrics.gauge('aperture_dead_letters', 'What could not be stored; NaN while the database is away', () => {
    return jobs.state.deadLetters ?? Number.NaN;
  });
  metrics.gauge('aperture_database_up', '1 when the jobs thread reaches it', () =>
    Number(jobs.state.database === 'up'),
  );
  metrics.gauge('aperture_queue_up', '1 when the jobs thread reaches it', () => Number(jobs.state.queue === 'up'));
  metrics.gauge('aperture_queue_jobs_waiting', 'Ready, delayed or under way; NaN while it is away', () => {
    return jobs.state.jobs?.waiting ?? Number.NaN;
  });
  metrics.gauge('aperture_queue_jobs_delayed', 'Those that have failed and wait a while; NaN while it is away', () => {
    return jobs.state.jobs?.delayed ?? Number.NaN;
  });
}

function measureQuotas(metrics: FrontMetrics, { quotas, quotaThread }: Bookkeeping): void {
  const stats = () => quotas.ledger.stats();
  metrics.gauge('aperture_quota_buckets', 'Of which this process knows', () => stats().buckets);
  metrics.gauge('aperture_quota_reservations', 'Exchanges that something is reserved for', () => stats().reservations);
  metrics.gauge('aperture_quota_requests_waiting', 'Requests that wait for the store', () => stats().waiting);
  metrics.total('aperture_quota_requests_asked_total', 'Requests that had to wait for it', () => stats().asked);
  metrics.total('aperture_quota_claims_total', 'Calls of the store', () => stats().claims);
  metrics.total('aperture_quota_claims_failed_total', 'Those without an answer', () => stats().claimsFailed);
  metrics.gauge('aperture_quota_store_away_seconds', 'Since it last answered; 0 while it does', () => {
    return stats().awayMs / 1000;
  });
  metrics.total('aperture_quota_crossings_total', 'Told by this process', () => quotaThread.crossings.told);
  metrics.gauge('aperture_quota_crossings_waiting', 'Buckets that were charged, and not looked at yet', () => {
    return quotaThread.crossings.waiting;
  });
}

function measureLookups(metrics: FrontMetrics, resources: Resources, api: MeasuredParts['api']): void {
  metrics.gauge('aperture_api_questions', 'Questions to the database under way', () => api.pending);
  metrics.gauge('aperture_stored_responses', 'Remembered, with who made them', () => resources.remembered);
  metrics.gauge('aperture_stored_response_lookups', 'Ids that are being looked for', () => resources.lookups);
  metrics.gauge('aperture_resources_kept', 'Objects at providers that the own file knows', () => {
    return resources.kept.lines;
  });
  metrics.total('aperture_resources_not_kept_total', 'Notes that the own file did not take', () => {
    return resources.kept.failures;
  });
  metrics.total('aperture_stored_response_lookups_refused_total', 'Refusals for want of room', () => {
    return resources.refused;
  });
}

function measureControl(metrics: FrontMetrics, services: FrontServices, control: ControlThread): void {
  metrics.gauge('aperture_control_age_seconds', 'Since the store last confirmed the control state', () => {
    return control.ageMs / 1000;
  });
  metrics.gauge('aperture_control_version', 'Processes that have the same agree', () => control.version);
  metrics.gauge('aperture_config_rejected', '1 while this build cannot run the newest config', () =>
    Number(control.rejected !== null),
  );
  metrics.total('aperture_audit_entries_total', 'Entries of the audit log, of all gateways of the database', () => {
    return control.audit.entries;
  });
  metrics.gauge('aperture_audit_checkpoint_age_seconds', 'Since the first entry that no checkpoint covers', () => {
    const { unsignedSinceMs } = control.audit;
    return unsignedSinceMs === null ? 0 : Math.max(0, services.clock.nowMs() - unsignedSinceMs) / 1000;
  });
  metrics.gauge('aperture_audit_broken', '1 while the log does not follow from what was signed', () => {
    return Number(control.audit.broken);
  });
  metrics.gauge('aperture_world', 'Counts up with each config that this process ran', () => {
    return services.worlds.current.number;
  });
}

function measureInspectors(metrics: FrontMetrics, inspectors: InspectorPool): void {
  metrics.gauge('aperture_inspectors', 'Inspector threads that take work', () => inspectors.stats().lanes);
  metrics.gauge('aperture_rules_threads', 'Threads that run rules', () => inspectors.stats().rulesLanes);
  metrics.gauge('aperture_rules_undecided', 'Requests and responses that wait for rules, or go through them', () => {
    return inspectors.stats().undecided;
  });
  metrics.gauge('aperture_inspector_unread_bytes', 'Copies not yet taken in', () => inspectors.stats().unreadBytes);
  metrics.total('aperture_inspections_deferred_total', 'Left to the journal for want of credit', () => {
    return inspectors.stats().deferred;
  });
  metrics.total('aperture_inspector_restarts_total', 'Inspector threads that died', () => inspectors.stats().restarts);
}

function measureJournal(metrics: FrontMetrics, journal: Journal): void {
  metrics.gauge('aperture_journal_bytes', 'On disk', () => journal.stats().bytesOnDisk);
  metrics.gauge('aperture_journal_segments', 'Files', () => journal.stats().segments);
  metrics.gauge('aperture_journal_pending_bytes', 'Not yet written', () => journal.stats().pendingBytes);
  metrics.gauge('aperture_journal_exchanges', 'That it can read back', () => journal.stats().exchanges);
  metrics.gauge('aperture_journal_strict', '1 while no byte leaves before it is written', () => {
    return Number(journal.stats().state === 'strict');
  });
  metrics.total('aperture_journal_syncs_total', 'Times that the disk was asked to keep what was written', () => {
    return journal.stats().syncs;
  });
  metrics.total('aperture_journal_stalls_total', 'Times that a disk too slow turned strict into behind', () => {
    return journal.stats().stalls;
  });
  metrics.total('aperture_journal_segments_removed_total', 'Files whose exchanges are all in the database', () => {
    return journal.stats().segmentsRemoved;
  });
  metrics.total('aperture_journal_frames_lost_total', 'Frames that could not be written', () => {
    return journal.stats().framesLost;
  });
  metrics.total('aperture_journal_body_frames_dropped_total', 'Body frames dropped for want of room', () => {
    return journal.stats().bodyFramesDropped;
  });
  metrics.total('aperture_journal_refused_total', 'Requests refused by a full journal', () => journal.stats().refused);
}
