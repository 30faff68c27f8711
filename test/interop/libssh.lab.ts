import { laboratory } from './laboratory.ts';
import { libssh } from './servers/programs.ts';

laboratory(libssh);
