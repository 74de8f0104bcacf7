# client: OpenSSH `ssh`, typed by expect
# does: a login shell in a terminal: size, resizing, TERM, modes, status
expect "$SCRIPTS/pty.exp" "$CONFIG"
