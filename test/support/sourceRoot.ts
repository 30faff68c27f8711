/**
 * Where the sources lie that child processes are compiled from.
 *
 * Owns: the environment variable that names another place, for `npm run mutate`
 * and `npm run coverage`, which compile changed sources.
 */
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('../../', import.meta.url));

/** The root of the project, or of the copy that `DEADLINE_SSH_SOURCES` names. */
export const sourceRoot: string = process.env['DEADLINE_SSH_SOURCES'] ?? project;

/** Whether it is such a copy, in which whoever made it may have built the command already. */
export const isCopy: boolean = sourceRoot !== project;
