/**
 * The second half of `npm run build`: writes the modules of `dist`, and nothing to
 * the terminal, since `npm pack --json` prints its own result there. Rolldown's
 * command lists each file that it writes.
 */
import { rolldown } from 'rolldown';
import config from './rolldown.config.mjs';

const bundle = await rolldown(config);
await bundle.write(config.output);
await bundle.close();
