import { laboratory } from './laboratory.ts';
import { dropbear } from './servers/daemons.ts';

laboratory(dropbear);
