/**
 * Code that the library loads when it is first needed, loaded before a simulation begins.
 *
 * To load a module takes real time, and in a simulation that is any virtual time: where the
 * machine is slow, all deadlines would pass meanwhile.
 */
import '../../src/client/x11/forwarding.ts';
import '../../src/client/x11/prepare.ts';
import '../../src/keys/fingerprint.ts';
import '../../src/keys/openssh/agentKey.ts';
import '../../src/keys/openssh/certificateFile.ts';
import '../../src/keys/privateKey/parsePrivateKey.ts';
import '../../src/keys/privateKey/privateKeyFile.ts';
import '../../src/keys/privateKey/protectedFormats.ts';
import '../../src/packet/zlib.ts';
import '../../src/sftp/serve/session.ts';
import '../../src/sftp/sftp.ts';
import '../../src/sftp/transfer/options.ts';
