import { laboratory } from './laboratory.ts';
import { ssh2 } from './servers/programs.ts';

laboratory(ssh2);
