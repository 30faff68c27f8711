/**
 * Counts that pass 2^31 in a long life: bytes of a connection, of a channel.
 *
 * Owns: what is put into such a field ahead of its 0. V8 stores a field in the form of the
 * first number in it. A count that starts as a small integer changes its form at 2^31, and
 * with it the hidden class of its object: at 2 GiB all compiled code of a transfer, some 25
 * functions, is thrown away and compiled again. That took a tenth of the CPU time of the
 * third gigabyte.
 * Must not know: what is counted.
 */

/** A constructor writes this into a count, then 0. Nobody reads it. */
export const wideNumber: number = 2 ** 53;
