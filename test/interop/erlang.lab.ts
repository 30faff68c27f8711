import { laboratory } from './laboratory.ts';
import { erlang } from './servers/programs.ts';

laboratory(erlang);
