import { laboratory } from './laboratory.ts';
import { tinyssh, useFolderForTinyssh } from './servers/daemons.ts';

useFolderForTinyssh();
laboratory(tinyssh);
