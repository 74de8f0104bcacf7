import asyncio, hashlib, os
import asyncssh

env = os.environ


async def main():
    options = dict(port=int(env["PORT"]), username=env["LOGIN"], client_keys=[env["KEY"]], known_hosts=env["KNOWN"], agent_path=None, config=None)
    if env["PROXY"]:
        options["proxy_command"] = env["PROXY"]
    async with asyncssh.connect(env["HOST"], **options) as conn:
        async def one(i):
            r = await conn.run("echo %d; echo err >&2; exit %d" % (i, i))
            return i, r.stdout, r.stderr, r.exit_status
        limit = asyncio.Semaphore(8)

        async def some(i):
            async with limit:
                return await one(i)
        for r in await asyncio.gather(*(some(i) for i in range(30))):
            print(*r)
        r = await conn.run("kill -TERM $$")
        print(r.exit_signal, r.returncode)
        r = await conn.run("sha256sum", input="text\n" * 500000)
        print(r.stdout)
        async with conn.start_sftp_client() as sftp:
            data = hashlib.sha256(b"y").digest() * 40000
            open("local", "wb").write(data)
            await sftp.put("local", env["THERE"] + "/file")
            await sftp.get(env["THERE"] + "/file", "back")
            print(open("back", "rb").read() == data)
            await sftp.makedirs(env["THERE"] + "/a/b")
            await sftp.posix_rename(env["THERE"] + "/file", env["THERE"] + "/a/b/c")
            print(sorted(await sftp.listdir(env["THERE"])), await sftp.getsize(env["THERE"] + "/a/b/c"))
            try:
                await sftp.stat(env["THERE"] + "/none")
            except asyncssh.SFTPNoSuchFile:
                print("not there")
        await asyncssh.scp("local", (conn, env["THERE"] + "/scp"))
        await asyncssh.scp((conn, env["THERE"] + "/scp"), "again")
        print(open("again", "rb").read() == data)
        host, port = env["WEB"].split(":")
        reader, writer = await conn.open_connection(host, int(port))
        writer.write(b"GET /asyncssh HTTP/1.0\r\n\r\n")
        got = await reader.read()
        print(len(got.split(b"\r\n\r\n", 1)[1]))

asyncio.run(main())
