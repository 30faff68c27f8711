/**
 * Dials while this process has hardly a file descriptor left, then with enough of them.
 * Prints what came of each dial, as JSON.
 *
 * Arguments: the entry, the options of the dial as JSON, how many descriptors are
 * left at first, `warm` to have dialled before or `fleet` to dial 150 hosts at
 * once instead.
 */
import { closeSync, openSync } from 'node:fs';

const [entry, given, free, state] = process.argv.slice(2);
const { acceptAnyHostKey, connect, knownHosts, runOnAll, SshError } = await import(entry);
const { knownHostsFile, ...rest } = JSON.parse(given);
const options = {
  ...rest,
  verifyHostKey: knownHostsFile === undefined ? acceptAnyHostKey() : knownHosts(knownHostsFile),
};

const outcomes = [];
const uncaught = [];
process.on('unhandledRejection', (reason) => uncaught.push(String(reason)));
process.on('uncaughtException', (error) => uncaught.push(String(error)));

async function dial() {
  try {
    const client = await connect(options);
    const { stdout: output } = await client.run('say');
    await client.close();
    return { output };
  } catch (error) {
    return outcomeOf(error);
  }
}

function outcomeOf(error) {
  const { code, phase, origin, host, message } = error;
  return { isTyped: error instanceof SshError, code, phase, origin, host, message };
}

async function dialFleet() {
  const { host, port, ...shared } = options;
  const targets = Array.from({ length: 150 }, () => ({ host, port }));
  for await (const result of runOnAll(targets, 'say', { ...shared, concurrency: 150 })) {
    outcomes.push(result.ok ? { output: result.stdout } : outcomeOf(result.error));
  }
}

async function dialWithFewLeft() {
  const taken = [];
  try {
    for (;;) taken.push(openSync('/dev/null'));
  } catch {
    // There is none left.
  }
  for (let i = 0; i < Number(free); i++) closeSync(taken.pop());
  outcomes.push(await dial(), await dial());
  for (const descriptor of taken) closeSync(descriptor);
}

if (state === 'warm') outcomes.push(await dial());
if (state === 'fleet') await dialFleet();
else await dialWithFewLeft();
outcomes.push(await dial());
console.log(JSON.stringify({ outcomes, uncaught }));
