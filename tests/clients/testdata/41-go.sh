# client: Go `x/crypto/ssh`
# does: commands with status and signal, streams, a window that changes, a forward; 256 sessions after another
LOCKBOX_CLIENT=go "$SELF"
