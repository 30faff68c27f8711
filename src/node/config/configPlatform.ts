/**
 * This machine, for configurations.
 *
 * Owns: the choice of implementations for the seam.
 * Must not know: what is done with them.
 */
import { join } from 'node:path';
import type { ConfigPlatform } from '../../config/platform.ts';
import type { Source } from '../../config/reading/reader.ts';
import { userAgentPath } from '../agentPath.ts';
import { nodeClock } from '../clock.ts';
import { homeFolder } from '../homeFolder.ts';
import { knownHosts } from '../knownHosts/knownHosts.ts';
import { withoutRevoked } from '../knownHosts/revokedHostKeys.ts';
import { canMarkPackets } from '../socketLink.ts';
import { interfaceAddress, nodeFacts } from './configFacts.ts';
import { globFiles, readConfigFile, readKeyFile } from './configFiles.ts';
import { lookUpName, runInShell } from './configPrograms.ts';

const systemFile = '/etc/ssh/ssh_config';

export const nodeConfigPlatform: ConfigPlatform = {
  clock: nodeClock,
  facts: nodeFacts,
  variableNames: () => Object.keys(process.env),
  defaultSources,
  readFile: readConfigFile,
  glob: globFiles,
  run: runInShell,
  lookup: lookUpName,
  readKey: readKeyFile,
  agentPath: userAgentPath,
  knownHosts,
  withoutRevoked,
  marksPackets: canMarkPackets(),
  interfaceAddress,
};

/** The user's file has to be the user's own; that of the system is root's to care for. */
function defaultSources(): readonly Source[] {
  const home = homeFolder();
  const system = { path: systemFile, isUsers: false, isGuarded: false, isNeeded: false };
  if (home === undefined) return [system];
  return [{ path: join(home, '.ssh', 'config'), isUsers: true, isGuarded: true, isNeeded: false }, system];
}
