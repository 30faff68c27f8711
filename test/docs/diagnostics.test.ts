import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { diagnosticsEvents, eventPublisher } from '../../src/diagnostics/events.ts';
import { metricTable } from '../../src/diagnostics/metricTable.ts';
import { listedConnections } from '../../src/diagnostics/page.ts';
import type { ConnectionSnapshot } from '../../src/io/snapshots.ts';
import { codesIn, tableBelow } from './markdown.ts';

const text = readFileSync(fileURLToPath(new URL('../../docs/diagnostics.md', import.meta.url)), 'utf8');

/** The fields of every event, from the messages themselves. */
function eventFields(): Record<string, string[]> {
  const fields: Record<string, string[]> = {};
  const observer = eventPublisher((name) => ({
    hasSubscribers: true,
    publish: (message) => {
      fields[name] = Object.keys(message as object);
    },
  }));
  const snapshot = { target: 'a:22', age: 1, bytesReceived: 1, bytesSent: 1 } as ConnectionSnapshot;
  const client = { id: 1, role: 'client', snapshot: () => snapshot } as const;
  observer.opened?.(client);
  observer.opened?.({ ...client, role: 'server' });
  observer.phaseChanged?.(client, 'connect', 'identification', 1);
  observer.waitExpired?.(client, { name: 'connect', waitingFor: 'a connection', elapsed: 1, timeout: 1 });
  observer.commandStarted?.(client, 'exec');
  observer.commandEnded?.(client, 'exec', 1, 'exit');
  observer.transferStarted?.(client, 'get');
  observer.transferEnded?.(client, { kind: 'get', outcome: 'completed', elapsed: 1, files: 1, bytes: 1 });
  observer.ended?.(client, new SshError('ERR_SSH_CLOSED', 'closed'), snapshot);
  return fields;
}

describe('docs/diagnostics.md', () => {
  it('lists every metric with its kind, labels and help', () => {
    const rows = tableBelow(text, '## Metrics').map(([name, type, labels, help]) => [
      codesIn(name)[0],
      { type, labels: codesIn(labels), help },
    ]);
    expect(rows).toEqual(Object.entries(metricTable));
  });

  it('lists every event with when it comes and what it says', () => {
    const fields = eventFields();
    const rows = tableBelow(text, '## Events').map(([name, when, message]) => [
      codesIn(name)[0],
      when,
      codesIn(message),
    ]);
    expect(rows).toEqual(Object.entries(diagnosticsEvents).map(([name, when]) => [name, when, fields[name]]));
  });

  it('says how many connections the page lists', () => {
    expect(text).toContain(`the oldest ${listedConnections} connections`);
  });
});
