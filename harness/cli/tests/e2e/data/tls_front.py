"""TLS before a server that speaks without: CERTIFICATES KEY UPSTREAM_PORT. Prints its port, then each name that it was asked as."""

import asyncio
import ssl
import sys


async def carry(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def serve(certificates, key, upstream):
    def named(_, name, __):
        print(name, flush=True)

    async def met(reader, writer):
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", upstream)
        await asyncio.gather(carry(reader, to_writer), carry(to_reader, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates, key)
    context.sni_callback = named
    server = await asyncio.start_server(met, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
