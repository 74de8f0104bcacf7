# client: OpenSSH `ssh -tt`
# does: a program that uses the whole screen, byte for byte
seq -f 'line %g of many' 500 >"$THERE/text"
expect "$SCRIPTS/screen.exp" "$CONFIG" "$THERE" >out
sed '0,/BEGIN/d' out | sha256sum
sed '0,/BEGIN/d' out | grep -ac line
