# client: tar
# does: a folder through a pipe of `ssh`, both directions
. "$SCRIPTS/files.sh"
make_folder folder
tar -c folder | ssh target "tar -xpC $THERE"
tree "$THERE"
ssh target "tar -cC $THERE folder" | tar -x --one-top-level=back
tree back
