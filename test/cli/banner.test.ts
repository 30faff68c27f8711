/** What a server says before anybody has logged in, and what it refuses of a session: in this process. */
import { describe, expect, it } from 'vitest';
import { startSshAgent } from '../support/agents.ts';
import { type HereOptions, runHere } from '../support/cli/inProcess.ts';
import { useOwnServer } from '../support/cli/ownServer.ts';
import { describeWith } from '../support/servers/programs.ts';

const there = useOwnServer({
  banner: 'Welcome\nto this \u001b[2Jhost\n',
  exec: () => 0,
});

const said = async (argv: readonly string[], options: HereOptions = {}): Promise<string> => {
  const home = there.home();
  const ended = await runHere('ssh', ['-F', home.at('config'), ...argv, 'there', 'command'], {
    home: home.path,
    ...options,
    env: { SSH_AUTH_SOCK: undefined, DISPLAY: undefined, ...options.env },
  });
  expect(ended.status).toBe(0);
  return ended.said;
};

describe('a banner', () => {
  it('is as the server sent it, but for what a terminal obeys; on a terminal each line is marked', async () => {
    expect(await said([])).toMatch(/^Welcome\nto this .*host\n$/);
    const marked = await said([], { terminal: { on: ['stderr'] } });
    expect(marked).toMatch(/^\[server\] Welcome\n\[server\] to this .*host\n$/);
    for (const text of [await said([]), marked]) expect(text).not.toContain('\u001b');
    expect(await said(['-q'])).toBe('');
    expect(await said(['-o', 'LogLevel=ERROR'])).toContain('Welcome');
    const narrow = await said([], { terminal: { on: ['stderr'], size: [14, 24] } });
    for (const line of narrow.trimEnd().split('\n')) {
      expect([line.startsWith('[server] '), line.length < 15]).toEqual([true, true]);
    }
  });
});

describe('what a server refuses of a session', () => {
  it('is said, and the session goes on', async () => {
    const agentless = await said(['-A']);
    // Who has no agent has none to forward.
    expect(agentless).not.toContain('refused');
    const x11 = await said(['-Y'], { env: { DISPLAY: 'nowhere.invalid:0' } });
    expect(x11).toContain('the server refused to forward X11; the session goes on without it\n');
  });
});

describeWith({ programs: ['ssh-agent', 'ssh-add'] }, 'an agent', () => {
  it.each([
    ['yes', true],
    ['path', true],
    ['$DLSSH_AGENT', true],
    ['no', false],
  ] as const)('is forwarded where ForwardAgent is %s: %s', async (how, isAsked) => {
    const agent = startSshAgent();
    try {
      const given = how === 'path' ? agent.path : how;
      const env = {
        SSH_AUTH_SOCK: how === 'yes' || how === 'no' ? agent.path : undefined,
        DLSSH_AGENT: agent.path,
      };
      const lines = await said(['-o', `ForwardAgent=${given}`], { env });
      expect(lines.includes('the server refused to forward the agent; the session goes on without it')).toBe(
        isAsked,
      );
    } finally {
      agent.stop();
    }
  });
});
