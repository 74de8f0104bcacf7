# client: sshfs
# does: a mounted folder: write, read, append, rename, list, links, modes, removal
. "$SCRIPTS/files.sh"
make_folder folder
mkdir mnt
sshfs "target:$THERE" mnt -F "$CONFIG" -o idmap=none
trap 'fusermount3 -u mnt' EXIT
cp -a folder mnt/
echo more >>mnt/folder/big
mv mnt/folder/sub/small mnt/moved
ln -s moved mnt/link
chmod 600 mnt/moved
mkdir mnt/many
for i in {1..50}; do echo "$i" >"mnt/many/$i"; done
rm mnt/many/7
cmp <(head -c 3000001 mnt/folder/big) folder/big
dd if=mnt/folder/big bs=1000 skip=1500 count=3 2>/dev/null | sha256sum
truncate -s 100 mnt/moved
tree mnt | sha256sum
tree "$THERE"
