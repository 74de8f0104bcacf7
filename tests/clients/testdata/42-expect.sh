# client: expect
# does: a script that logs in, works by prompts, reads a file and leaves
expect "$SCRIPTS/login.exp" "$CONFIG" "$THERE"
tree "$THERE"
