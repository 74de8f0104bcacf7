# client: OpenSSH `sftp`
# does: a batch: put, get, resumed get and put, rename, links, modes, listings, removal; its status
. "$SCRIPTS/files.sh"
make_folder folder
head -c 1000000 folder/big >part
sftp -b - target <<END
cd $THERE
put folder/big
put -rp folder
put part resumed
reput folder/big resumed
lcd $HERE
get big got
get -rp folder back
!cp part again
reget big again
rename big renamed
ln -s renamed link
ln renamed hard
mkdir new
chmod 700 new
chmod 600 renamed
ls
ls -1 folder
rm hard
rmdir new
!echo -n
END
tree "$THERE"
tree back
times back
sha256sum got again
says sftp -b - target <<<"get $THERE/none"
says sftp -b - target <<<"-rm $THERE/none"
