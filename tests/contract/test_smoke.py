from support.server import Running, request


async def test_smoke(node: Running) -> None:
    print((await node.reg()).raw)
    a = await node.put("/apps/FOO/i1", {"Connection": "close"})
    b = await node.put("/apps/FOO/i1")
    print(a.raw, b.raw, node.server.requests_count)
    for m, p in [("HEAD","/eureka/apps"),("OPTIONS","/eureka/apps"),("OPTIONS","*"),("POST","/eureka/apps"),("FOOB","/eureka/apps"),("CONNECT","a:80"),("GET","http://x/eureka/apps"),("GET","/eureka/apps#x"),("GET","/eureka/apps/%00"),("GET","/eureka/apps/\xff"),("POST","/eureka/apps/\xff")]:
        try:
            print(m,p,(await node.ask(m,p)).raw)
        except Exception as e: print(m,p,repr(e))
    for raw in [b"PUT /eureka/apps/FOO/i1?x=\xff HTTP/1.1\r\nHost: a\r\n\r\n", b"PUT /eureka/apps/\xff/i1?x=\xff HTTP/1.1\r\nHost: a\r\n\r\n", b"garbage\r\n\r\n", b"PUT /eureka/apps/FOO/i1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", b"PUT /eureka/apps/FOO/i1 HTTP/1.1\r\nHost: a\r\nAccept: 0\r\nAccept: 0\r\n\r\n", b"PUT /eureka/apps/FOO/i1 HTTP/1.1\r\nHost: a\r\nUser-Agent: 0\r\nUser-Agent: 0\r\n\r\n", b"PUT /eureka/apps/FOO/i1 HTTP/1.1\r\nHost:\r\n\r\n", b"PUT /eureka/apps/FOO/i1 HTTP/1.1\r\nHost: a b/\r\n\r\n",b"PUT /eureka/apps/FOO/i1 HTTP/1.1\r\n\r\n",b"POST /eureka/apps/FOO HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"]:
        try:
            print(raw, (await node.send(raw)).raw)
        except Exception as e: print(raw,repr(e))
