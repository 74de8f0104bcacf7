# client: dropbear `dbclient`
# does: a command, its status, a signal, both streams, 5 MB there and back
says dbclient "$HOST" 'echo out; echo err >&2; exit 7'
says dbclient "$HOST" 'kill -TERM $$' 2>/dev/null
noise in 5000000 dropbear
dbclient "$HOST" cat <in | sha256sum
seq 5 | dbclient "$HOST" tac
cat >typed <<'END'
stty rows 30 cols 90
says dbclient -t "$HOST" 'echo BEGIN; stty size; test -t 0 && echo terminal; exit 9'
END
script -qec "bash typed" /dev/null </dev/null | sed '0,/BEGIN/d; s/\^@//'
