/**
 * How property tests report a failure, in every test file.
 *
 * Owns: the line that tells how to replay it: `FC_SEED` and `FC_PATH`, read here as well.
 * Must not know: any property.
 */
import fc from 'fast-check';
import { replayOptions, reportFailure } from './replay.ts';

fc.configureGlobal({ ...replayOptions(process.env), reporter: reportFailure });
