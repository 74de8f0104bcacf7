# client: OpenSSH `ssh -T`
# does: a shell without a terminal, fed line by line, as editors do
set +o pipefail
ssh -T target 2>/dev/null <<-END | sed '0,/BEGIN/d'
	echo BEGIN
	cd "$THERE"
	echo "made there" >file
	cat file; ls
	exit 8
	END
echo "status ${PIPESTATUS[0]}"
