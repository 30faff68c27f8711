import { laboratory } from './laboratory.ts';
import { openSsh9 } from './servers/daemons.ts';

laboratory(openSsh9);
