/**
 * Events of connections on `node:diagnostics_channel`.
 *
 * Owns: the channels.
 * Must not know: what the events say.
 */
import { channel } from 'node:diagnostics_channel';
import { eventPublisher } from '../diagnostics/events.ts';
import { observeConnections } from '../io/registry.ts';

let published = false;

/** Publishes from now on, in every process that uses this platform: tools subscribe by name alone. */
export function publishConnectionEvents(): void {
  if (published) return;
  published = true;
  observeConnections(eventPublisher(channel));
}
