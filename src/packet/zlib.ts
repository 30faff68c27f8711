/**
 * Both directions of compression, as one module to load.
 *
 * Owns: nothing but that they come together.
 * Must not know: who loads it.
 */
export { Deflater } from './deflate.ts';
export { Inflater } from './inflate.ts';
