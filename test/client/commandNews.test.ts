/** What observers hear of a command: that it began, how it ended, and how long it took. */
import { afterEach, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { CommandNews } from '../../src/client/command/commandNews.ts';
import type { ExitResult } from '../../src/client/command/remoteProcess.ts';
import { observeConnections, type RegisteredConnection } from '../../src/io/registry.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

const exit: ExitResult = { code: undefined, signal: undefined, coreDumped: false, errorMessage: '' };
const lost = new SshError('ERR_SSH_CONNECTION_LOST', 'gone');

/** What is heard of a command that takes 7 milliseconds. */
function heard(end: (news: CommandNews) => void, isKnown = true): unknown[] {
  const told: unknown[] = [];
  stops.push(
    observeConnections({
      commandStarted: (connection, kind) => told.push(['started', connection, kind]),
      commandEnded: (connection, kind, elapsed, outcome) =>
        told.push(['ended', connection, kind, elapsed, outcome]),
    }),
  );
  const connection = { now: 1000 };
  const news = new CommandNews(
    isKnown ? (connection as unknown as RegisteredConnection & { now: number }) : undefined,
    'shell',
  );
  connection.now += 7;
  end(news);
  for (const one of told as unknown[][]) expect(one.splice(1, 1)).toEqual([connection]);
  return told;
}

it.each<[string, (news: CommandNews) => void]>([
  ['exit', (news) => news.ended(undefined, { ...exit, code: 0 })],
  ['exit', (news) => news.ended(undefined, { ...exit, code: 1 })],
  ['signal', (news) => news.ended(undefined, { ...exit, signal: 'TERM' })],
  ['closed', (news) => news.ended(undefined, exit)],
  ['error', (news) => news.ended(lost, { ...exit, code: 0 })],
  ['error', (news) => news.failed()],
])('that it ended by %s', (outcome, end) => {
  expect(heard(end)).toEqual([
    ['started', 'shell'],
    ['ended', 'shell', 7, outcome],
  ]);
});

it('is nothing on a connection that nobody has heard of', () => {
  expect(heard((news) => news.failed(), false)).toEqual([]);
});
