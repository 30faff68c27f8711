/** What a test file needs to run over sources with switches, for `npm run mutate`. */
import fc from 'fast-check';

// A failure is enough; the smallest example of it would take long to find.
fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: 25, endOnFailure: true });
