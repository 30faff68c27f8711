/**
 * The status codes of SFTP.
 *
 * Owns: draft-ietf-secsh-filexfer-02 §7, and the codes of the later drafts (up to
 * draft-13 §9.1) that servers of version 3 are known to send; their names.
 * Must not know: which error of this library a status becomes.
 */

export const statusCodes = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  noConnection: 6,
  connectionLost: 7,
  opUnsupported: 8,
} as const;

const names: readonly string[] = [
  'SSH_FX_OK',
  'SSH_FX_EOF',
  'SSH_FX_NO_SUCH_FILE',
  'SSH_FX_PERMISSION_DENIED',
  'SSH_FX_FAILURE',
  'SSH_FX_BAD_MESSAGE',
  'SSH_FX_NO_CONNECTION',
  'SSH_FX_CONNECTION_LOST',
  'SSH_FX_OP_UNSUPPORTED',
  'SSH_FX_INVALID_HANDLE',
  'SSH_FX_NO_SUCH_PATH',
  'SSH_FX_FILE_ALREADY_EXISTS',
  'SSH_FX_WRITE_PROTECT',
  'SSH_FX_NO_MEDIA',
  'SSH_FX_NO_SPACE_ON_FILESYSTEM',
  'SSH_FX_QUOTA_EXCEEDED',
  'SSH_FX_UNKNOWN_PRINCIPAL',
  'SSH_FX_LOCK_CONFLICT',
  'SSH_FX_DIR_NOT_EMPTY',
  'SSH_FX_NOT_A_DIRECTORY',
  'SSH_FX_INVALID_FILENAME',
  'SSH_FX_LINK_LOOP',
  'SSH_FX_CANNOT_DELETE',
  'SSH_FX_INVALID_PARAMETER',
  'SSH_FX_FILE_IS_A_DIRECTORY',
];

/** Such as `SSH_FX_EOF`; for an unknown code `SSH_FX_ 77`. */
export function statusName(code: number): string {
  return names[code] ?? `SSH_FX_ ${code}`;
}

/** What a code of the later drafts would be in version 3. */
export function statusInVersion3(code: number): number {
  switch (statusName(code)) {
    case 'SSH_FX_NO_SUCH_PATH':
      return statusCodes.noSuchFile;
    case 'SSH_FX_WRITE_PROTECT':
      return statusCodes.permissionDenied;
    default:
      return code <= statusCodes.opUnsupported ? code : statusCodes.failure;
  }
}
