/**
 * A program whose connections the page of waits shows: a command that takes its time, on
 * every machine it is told of.
 *
 * Owns: the dials and the page.
 * Must not know: what the machines do, who looks.
 */
import { createServer } from 'node:http';
import { debugHandler } from '../../dist/entry/diagnostics.js';
import { runOnAll } from '../../dist/entry/index.js';

/** Milliseconds after which those that answer run their command, and no deadline has come. */
const settled = 5_000;

process.once('message', ({ hosts, port, privateKey }) => {
  const server = createServer(debugHandler());
  server.listen(0, '127.0.0.1', () => {
    setTimeout(() => process.send(`http://127.0.0.1:${server.address().port}/`), settled);
  });
  const targets = hosts.map((host) => ({ host, port, username: 'ops' }));
  void (async () => {
    for await (const _ of runOnAll(targets, 'sleep 30', { privateKey }));
  })();
});
