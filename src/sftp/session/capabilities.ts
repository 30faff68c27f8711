/**
 * What a server can do.
 *
 * Owns: its extensions, which count at the version that their name is known with only;
 * its limits; what its answers have taught since (a refused SETSTAT, one handle at a
 * time), remembered for the session.
 * Must not know: how it is asked.
 */
import type { Limits } from '../../base/limits.ts';
import { type ExtensionName, extensionVersions, type ServerLimits } from '../packet/extensions.ts';
import type { Version } from '../packet/responses.ts';
import { announcedExtensions } from '../protocol/client.ts';
import { type SymlinkOrder, symlinkOrderOf } from '../protocol/quirks.ts';

/** The limits in force with a server. */
export interface SftpLimits {
  /** Bytes of one packet, its length field not counted. */
  readonly packetLength: number;
  /** Bytes that one READ asks for. */
  readonly readLength: number;
  /** Bytes that one WRITE carries. */
  readonly writeLength: number;
  /** Handles open at once; undefined where the server does not say. */
  readonly openHandles: number | undefined;
}

/** What is known of a server that it does not tell, or tells wrongly. */
export interface ServerOptions {
  /** Handles that may be open at once, files and folders together. What the server tells, or its answers teach, where not given. */
  readonly openHandles?: number | undefined;
  /** Which path of SYMLINK comes first: the `target` of the link, as in OpenSSH, or the `link` itself, as in the draft. By the server's identification where not given. */
  readonly symlinkOrder?: SymlinkOrder | undefined;
  /** Bytes of a READ or a WRITE at most. What the server takes */
  readonly blockLength?: number | undefined;
}

/** What every server must take (draft-ietf-secsh-filexfer-02 §3 asks for 34,000 bytes in all). */
const usualLength = 32 * 1024;
/** What stands around the data of a READ or WRITE at most: header, handle, offset, length. */
const overhead = 9 + 4 + 256 + 12;
/** Reads and writes are multiples of this where they are larger. */
const block = 4096;

export class Capabilities {
  readonly version: number;
  /** What the server announced, by name, with its data as escaped text. */
  readonly extensions: ReadonlyMap<string, string>;
  readonly symlinkOrder: SymlinkOrder;
  limits: SftpLimits;
  /** The server has refused to rename where nothing was in the way. */
  refusesRename = false;
  /** Commands beside SFTP do not run, or none has been of use. */
  runsNoCommands = false;
  private readonly blockLength: number;

  constructor(version: Version, identification: string, limits: Limits, server: ServerOptions) {
    this.version = version.version;
    this.extensions = announcedExtensions(version);
    this.symlinkOrder = server.symlinkOrder ?? symlinkOrderOf(identification);
    this.blockLength = server.blockLength ?? Number.POSITIVE_INFINITY;
    this.limits = limitsOf(undefined, limits, this.blockLength);
  }

  /** Whether the server announced an extension at the version that it is known with. */
  has(name: ExtensionName): boolean {
    return this.extensions.get(name) === extensionVersions[name];
  }

  /** Takes the answer to limits@openssh.com. */
  learnLimits(found: ServerLimits, limits: Limits): void {
    this.limits = limitsOf(found, limits, this.blockLength);
  }
}

function limitsOf(found: ServerLimits | undefined, limits: Limits, blockLength: number): SftpLimits {
  const said = (value: bigint | undefined): number | undefined =>
    value === undefined || value === 0n ? undefined : Number(value);
  const packetLength = Math.min(
    said(found?.maxPacketLength) ?? limits.sftpPacketLength,
    limits.sftpPacketLength,
  );
  const fitting = (length: number | undefined): number => {
    const most = Math.min(length ?? usualLength, packetLength - overhead, blockLength);
    return Math.max(1, most > block ? most - (most % block) : most);
  };
  return {
    packetLength,
    readLength: fitting(said(found?.maxReadLength)),
    writeLength: fitting(said(found?.maxWriteLength)),
    openHandles: said(found?.maxOpenHandles),
  };
}
