/** What -v shows: what happened, when by one clock, and how long it took. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { Trace } from '../../src/cli/connection/trace.ts';
import { Messages } from '../../src/cli/messages.ts';
import type { RegisteredConnection } from '../../src/io/registry.ts';

/** A trace that begins at a time of its own, on a clock that the test sets. */
function traced(verbosity: number): { trace: Trace; lines: string[]; at: (time: number) => void } {
  const lines: string[] = [];
  let now = 5_000;
  const messages = new Messages({ write: (text) => lines.push(text.trimEnd()) });
  const trace = new Trace(verbosity, messages, () => now);
  return {
    trace,
    lines,
    at: (time) => {
      now = 5_000 + time;
    },
  };
}

const connection = { id: 1, role: 'client' } as RegisteredConnection;

/** What a dial tells its observers and its debug listener. */
function dial(verbosity: number): string[] {
  const { trace, lines, at } = traced(verbosity);
  at(40);
  trace.opened(connection);
  at(43.21);
  trace.debug('connected to h:22');
  trace.phaseChanged(connection, 'connect', 'identification', 3.21);
  at(50);
  trace.debug('server is SSH-2.0-x');
  trace.phaseChanged(connection, 'identification', 'keyExchange', 6.79);
  at(150);
  trace.note('warning: it is old');
  at(1_234.5);
  trace.failed(
    new SshError('ERR_SSH_TIMEOUT', 'late', {
      phase: 'keyExchange',
      waitingFor: 'keyExchange',
      elapsed: 1_184,
      deadline: 1_180,
      bytesReceived: 7,
    }),
  );
  return lines;
}

describe('each line', () => {
  it('begins with the time since the program began, and a phase says what it took', () => {
    expect(dial(1)).toEqual([
      'deadline-ssh:    43.2 ms  connect         took 3.2 ms: connected to h:22',
      'deadline-ssh:    50.0 ms  identification  took 6.8 ms: server is SSH-2.0-x',
      'deadline-ssh:     150 ms  warning: it is old',
      'deadline-ssh:    1235 ms  failed in key exchange, waiting for keyExchange for 1184 ms of 1180 ms, 7 bytes received (ERR_SSH_TIMEOUT)',
    ]);
  });

  it('of -vv is on the same clock', () => {
    expect(dial(2)).toEqual([
      'deadline-ssh:    43.2 ms  connected to h:22',
      'deadline-ssh:    43.2 ms  connect         took 3.2 ms',
      'deadline-ssh:    50.0 ms  server is SSH-2.0-x',
      'deadline-ssh:    50.0 ms  identification  took 6.8 ms',
      'deadline-ssh:     150 ms  warning: it is old',
      'deadline-ssh:    1235 ms  failed in key exchange, waiting for keyExchange for 1184 ms of 1180 ms, 7 bytes received (ERR_SSH_TIMEOUT)',
    ]);
  });

  it('is not shown without -v', () => {
    expect(dial(0)).toEqual([]);
  });
});

it('-v shows that keys are exchanged anew, with the time', () => {
  const { trace, lines, at } = traced(1);
  trace.opened(connection);
  at(10);
  trace.debug('keys exchanged: a, b');
  trace.phaseChanged(connection, 'keyExchange', 'authentication', 5);
  at(200);
  trace.debug('keys exchanged: c, d');
  trace.debug('another line');
  expect(lines).toEqual([
    'deadline-ssh:    10.0 ms  key exchange    took 5.0 ms: keys exchanged: a, b',
    'deadline-ssh:     200 ms  keys exchanged: c, d',
  ]);
});

it('what a ProxyCommand says is shown as it is, also without -v', () => {
  const { trace, lines } = traced(0);
  trace.debug('proxyCommand says: MOSH IP 127.0.0.1');
  expect(lines).toEqual(['MOSH IP 127.0.0.1']);
});

it('the timings are those of the phases, and of the whole', () => {
  const { trace, at } = traced(0);
  trace.opened(connection);
  trace.phaseChanged(connection, 'connect', 'identification', 3.21);
  trace.phaseChanged({ ...connection } as RegisteredConnection, 'connect', 'identification', 99);
  trace.finish('command', 20, '');
  at(100.06);
  expect(trace.timings).toEqual({ connect: 3.2, command: 20, total: 100.1 });
});
