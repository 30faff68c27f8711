"""asyncssh as a contestant: connects, does one piece of work, prints what it took as JSON."""

import asyncio
import json
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")
import asyncssh  # noqa: E402

# Files at once, as for all who can.
AT_ONCE = 32


async def tree(names, step):
    left = list(names)

    async def lane():
        while left:
            await step(left.pop())

    await asyncio.gather(*(lane() for _ in range(AT_ONCE)))


async def work(sftp, kind, source, destination):
    if kind == "get":
        await sftp.get(source, destination)
    elif kind == "put":
        await sftp.put(source, destination)
    elif kind == "get tree":
        os.mkdir(destination)
        names = [name for name in await sftp.listdir(source) if name not in (".", "..")]
        await tree(names, lambda name: sftp.get(f"{source}/{name}", f"{destination}/{name}"))
    elif kind == "put tree":
        await sftp.mkdir(destination)
        await tree(os.listdir(source), lambda name: sftp.put(f"{source}/{name}", f"{destination}/{name}"))
    else:
        return await sftp.listdir(source)
    return []


async def main():
    job = json.loads(sys.argv[1])
    target = job["target"]
    async with asyncssh.connect(
        target["host"],
        port=target["port"],
        username=target["username"],
        client_keys=[target["privateKey"]],
        known_hosts=None,
        config=None,
        agent_path=None,
        encryption_algs=[job["cipher"]],
        kex_algs=[job["kex"]],
    ) as connection:
        async with connection.start_sftp_client() as sftp:
            start, cpu = time.monotonic(), time.process_time()
            names = await work(sftp, job["kind"], job["source"], job["destination"])
            taken = {
                "milliseconds": 1000 * (time.monotonic() - start),
                "cpuMilliseconds": 1000 * (time.process_time() - cpu),
                "names": sorted(name for name in names if name not in (".", "..")),
            }
    print(json.dumps(taken))


asyncio.run(main())
