import { laboratory } from './laboratory.ts';
import { proftpd } from './servers/daemons.ts';

laboratory(proftpd);
