import { laboratory } from './laboratory.ts';
import { twisted } from './servers/programs.ts';

laboratory(twisted);
