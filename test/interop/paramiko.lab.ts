import { laboratory } from './laboratory.ts';
import { paramiko } from './servers/programs.ts';

laboratory(paramiko);
