import { laboratory } from './laboratory.ts';
import { asyncssh } from './servers/programs.ts';

laboratory(asyncssh);
