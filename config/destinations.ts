import { DESTINATIONS } from '../src/contract/limits.ts';
import { errorAt } from './problem.ts';
import type { Finding } from './problem.ts';
import type { Config } from './schema.ts';

/** An exporter of OpenTelemetry delivers traces and logs, each to a destination of its own (`sinks/otlp/settings.ts`). */
const OF_AN_OTLP_EXPORTER = 2;

/** What is wrong with all that events are delivered to together: whatever it is, a bound is theirs in common. */
export function destinationFindings({ exporters: { webhooks, syslog, otlp } }: Config): Finding[] {
  const count =
    Object.keys(webhooks).length + Object.keys(syslog).length + OF_AN_OTLP_EXPORTER * Object.keys(otlp).length;
  if (count <= DESTINATIONS) return [];
  const message = `webhooks, syslog receivers and, twice, OTLP exporters are ${count} destinations, of at most ${DESTINATIONS}`;
  return [errorAt(['exporters'], message)];
}
