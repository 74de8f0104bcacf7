# client: `scp` over dropbear
# does: a folder up and down
. "$SCRIPTS/files.sh"
make_folder folder
cat >via <<END
#!/bin/bash
. $SCRIPTS/way.sh
while [[ \$1 == -* ]]; do case \$1 in -oPermitLocalCommand=no | -oClearAllForwardings=yes | -oRemoteCommand=none | -oRequestTTY=no | -oForwardAgent=no | -x | -q | --) shift ;; -o | -l | -p | -F) shift 2 ;; *) shift ;; esac; done
shift
dbclient "$HOST" "\$@"
END
chmod 755 via
command scp -q -O -S "$HERE/via" -rp folder "x:$THERE/up"
command scp -q -O -S "$HERE/via" -rp "x:$THERE/up" down
tree "$THERE"
tree down
