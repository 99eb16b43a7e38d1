import type { Fault } from '../contract/fault.ts';
import { scanBody } from '../protocols/body-scan.ts';
import { objectOf, parseJson, textOrNull } from '../protocols/json.ts';
import { readClientFrame } from '../protocols/openai-responses/frame.ts';
import { mayName } from '../routing/plan.ts';
import type { RealtimeParts } from './realtime-turns.ts';

/** What a client's message may not do: be read in two ways, or choose a model beyond the one that was asked for. */
export function judgeMessage(parts: RealtimeParts, bytes: Uint8Array): Fault | undefined {
  const { arrival, endpoint, model, route } = parts;
  const scanned = scanBody(endpoint.protocol.api, bytes);
  if (!scanned.ok) return scanned.fault;
  const read = readClientFrame(bytes, scanned.value);
  if (!read.ok) return read.fault;
  // Whose it is would be looked up, and nothing waits here.
  if (scanned.value.resources !== undefined) return { code: 'frame_refused', why: 'it names a file of the provider’s' };
  const { provider } = route;
  const allows = (id: string, name: string): readonly string[] | undefined => arrival.access.may(id, name);
  const names = [...scanned.value.otherModels, ...(scanned.value.model === undefined ? [] : [scanned.value.model])];
  for (const name of names) {
    if (name === model || name === route.model) continue;
    if (!mayName({ provider, name, providers: arrival.world.routing, allows }))
      return { code: 'model_unknown', model: name };
  }
  if (read.value.type !== 'session.update') return undefined;
  const session = objectOf(objectOf(parseJson(Buffer.from(bytes).toString('utf8')))['session']);
  const chosen = textOrNull(session['model']);
  if (chosen === null || chosen === model || chosen === route.model) return undefined;
  return { code: 'frame_refused', why: 'the model of a session is chosen as it is opened' };
}
