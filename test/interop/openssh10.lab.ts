import { laboratory } from './laboratory.ts';
import { openSsh10 } from './servers/daemons.ts';

laboratory(openSsh10);
