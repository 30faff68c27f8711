import { laboratory } from './laboratory.ts';
import { go } from './servers/programs.ts';

laboratory(go);
