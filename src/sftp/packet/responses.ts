/**
 * What a server of SFTP answers.
 *
 * Owns: draft-ietf-secsh-filexfer-02 §4 (VERSION), §7 (responses) and §8
 * (EXTENDED_REPLY): each packet an interface and a codec. The id of the request is
 * not among the fields; VERSION has none.
 * Must not know: requests, which answer fits which of them.
 */
import { emptyBytes } from '../../base/bytes.ts';
import { type Codec, counted, rest, string, uint32 } from '../../wire/codec.ts';
import type { WireReader } from '../../wire/reader.ts';
import { attributes, type FileAttributes } from './attributes.ts';
import { handle, type PacketCodec, packet, packetOf } from './codec.ts';
import { type Extension, extensionList } from './extensionPairs.ts';

/** SSH_FXP_VERSION (§4). */
export interface Version {
  readonly kind: 'version';
  readonly version: number;
  readonly extensions: readonly Extension[];
}

/** SSH_FXP_STATUS (§7). The texts are as the server wrote them, not escaped. */
export interface Status {
  readonly kind: 'status';
  readonly errorCode: number;
  readonly errorMessage: Uint8Array;
  readonly languageTag: Uint8Array;
}

/** SSH_FXP_HANDLE (§7). */
export interface Handle {
  readonly kind: 'handle';
  readonly handle: Uint8Array;
}

/** SSH_FXP_DATA (§7). */
export interface Data {
  readonly kind: 'data';
  readonly data: Uint8Array;
}

/** One entry of SSH_FXP_NAME. Names are bytes: nothing says that they are UTF-8. */
export interface NameEntry {
  readonly filename: Uint8Array;
  /** As `ls -l` shows it; for people, not for programs. */
  readonly longname: Uint8Array;
  readonly attrs: FileAttributes;
}

/** SSH_FXP_NAME (§7). */
export interface Name {
  readonly kind: 'name';
  readonly names: readonly NameEntry[];
}

/** SSH_FXP_ATTRS (§7). */
export interface Attrs {
  readonly kind: 'attrs';
  readonly attrs: FileAttributes;
}

/** SSH_FXP_EXTENDED_REPLY (§8). */
export interface ExtendedReply {
  readonly kind: 'extendedReply';
  readonly payload: Uint8Array;
}

/** Every answer to a request. */
export type SftpResponse = Status | Handle | Data | Name | Attrs | ExtendedReply;

const nameEntry: Codec<NameEntry> = {
  decode: (reader) => ({
    filename: reader.copyString(),
    longname: reader.copyString(),
    attrs: attributes.decode(reader),
  }),
  encode: (writer, { filename, longname, attrs }) => {
    writer.string(filename).string(longname);
    attributes.encode(writer, attrs);
  },
};

/** Two length fields and the flags of the attributes. */
const shortestEntry = 12;

export const version: PacketCodec<Version> = packet<Version>('version', {
  version: uint32,
  extensions: extensionList,
});
/**
 * The texts may be missing: servers that began with version 2 of the draft send
 * none, and others leave out the language. What follows them is ignored.
 */
export const status: PacketCodec<Status> = packetOf<Status>('status', {
  decode: (reader) => {
    const errorCode = reader.uint32();
    const errorMessage = textOrNone(reader);
    const languageTag = textOrNone(reader);
    reader.viewRest();
    return { errorCode, errorMessage, languageTag };
  },
  encode: (writer, { errorCode, errorMessage, languageTag }) => {
    writer.uint32(errorCode).string(errorMessage).string(languageTag);
  },
});
export const handleResponse: PacketCodec<Handle> = packet<Handle>('handle', { handle });
export const data: PacketCodec<Data> = packet<Data>('data', { data: string });
export const nameResponse: PacketCodec<Name> = packet<Name>('name', {
  names: counted(nameEntry, shortestEntry),
});
export const attrs: PacketCodec<Attrs> = packet<Attrs>('attrs', { attrs: attributes });
export const extendedReply: PacketCodec<ExtendedReply> = packet<ExtendedReply>('extendedReply', {
  payload: rest,
});

/** The codec of each kind of answer. */
export const responseCodecs: {
  readonly [K in SftpResponse['kind']]: PacketCodec<Extract<SftpResponse, { kind: K }>>;
} = { status, handle: handleResponse, data, name: nameResponse, attrs, extendedReply };

function textOrNone(reader: WireReader): Uint8Array {
  return reader.remaining === 0 ? emptyBytes : reader.copyString();
}
