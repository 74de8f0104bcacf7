import hashlib, os, socket
import paramiko

env = os.environ
client = paramiko.SSHClient()
client.load_host_keys(env["KNOWN"])
sock = paramiko.ProxyCommand(env["PROXY"]) if env["PROXY"] else None
client.connect(env["HOST"], int(env["PORT"]), env["LOGIN"], key_filename=env["KEY"], sock=sock, look_for_keys=False, allow_agent=False, timeout=30)

for status in (0, 1, 77, 255):
    _, out, err = client.exec_command("echo out; echo err >&2; exit %d" % status)
    print(out.read(), err.read(), out.channel.recv_exit_status())

stdin, out, _ = client.exec_command("sha256sum")
stdin.write(b"some text\n" * 300000)
stdin.channel.shutdown_write()
print(out.read())

data = hashlib.sha256(b"x").digest() * 50000
sftp = client.open_sftp()
sftp.chdir(env["THERE"])
with sftp.open("file", "wb") as f:
    f.set_pipelined(True)
    f.write(data)
with sftp.open("file", "rb") as f:
    f.prefetch()
    print(f.read() == data)
with sftp.open("file", "rb") as f:
    f.seek(1000000)
    print(hashlib.sha256(f.read(5000)).hexdigest())
sftp.chmod("file", 0o640)
sftp.mkdir("dir")
sftp.rename("file", "dir/moved")
sftp.symlink("dir/moved", "link")
print(sorted(sftp.listdir()), sftp.stat("link").st_size, sftp.readlink("link"))
try:
    sftp.stat("none")
except FileNotFoundError as e:
    print("not there", e)
sftp.close()

host, port = env["WEB"].split(":")
ch = client.get_transport().open_channel("direct-tcpip", (host, int(port)), ("127.0.0.1", 1))
ch.sendall(b"GET /paramiko HTTP/1.0\r\n\r\n")
got = b""
while True:
    b = ch.recv(65536)
    if not b:
        break
    got += b
print(len(got.split(b"\r\n\r\n", 1)[1]), got.endswith(b"/paramiko\n"))

shell = client.invoke_shell(term="vt100", width=90, height=30)
shell.sendall(b"stty -echo; echo BEG''IN; stty size; echo $TERM; exit 5\n")
text = b""
while True:
    b = shell.recv(4096)
    if not b:
        break
    text += b
print(text.split(b"BEGIN\r\n")[-1].split(b"\r\n")[:2], shell.recv_exit_status())
client.close()
