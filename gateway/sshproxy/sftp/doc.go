// Package sftp reads file transfers along: SFTP version 3 as OpenSSH speaks it
// (draft-ietf-secsh-filexfer-02 and the extensions in OpenSSH's PROTOCOL), and
// scp of the old protocol. It keeps what is done within what is permitted, and
// tells of each operation before it happens. It knows no SSH, and decides
// nothing: what is permitted it is given.
//
// Where a rule lists paths, every path is first resolved by the server itself,
// and no part of the answer may be a symbolic link. What remains is somebody
// who can change directories on the target by other means, in the moment
// between that question and the operation: a file that was opened is looked at
// once more, other operations are not.
package sftp
