# client: OpenSSH `ssh -s`
# does: the sftp subsystem by its name, as other programs call it: version, its own status at the end of input
set +o pipefail
{ printf '\0\0\0\5\1\0\0\0\3'; sleep 1; } | ssh -s target sftp | head -c 9 | od -An -tx1
echo "status ${PIPESTATUS[1]}"
says ssh -s target nothing 2>/dev/null </dev/null
