import { laboratory } from './laboratory.ts';
import { lsh } from './servers/daemons.ts';

laboratory(lsh);
