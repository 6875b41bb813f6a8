import t from 'tap'
import streamGateway from '../../src/index.js'
import { start } from '../fixtures/gateway.js'
import { RawClient, service } from '../fixtures/peers.js'

function request (path: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello`
}

async function ask (t: Parameters<typeof service>[0], port: number, path: string): Promise<string> {
  const client = new RawClient(t, port).send(request(path))
  await client.closed
  return client.received
}

t.test('as a plugin: an unknown expectation below the prefix has the gateway\'s body and its line; elsewhere it is Node\'s', async t => {
  const { port: upstream } = await service(t, () => t.fail('forwarded'))
  const { port, nextLine } = await start(t, async app => {
    app.post('/own', async () => 'own')
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
  })
  const line = nextLine()
  const received = await ask(t, port, '/api/x')
  t.match(received, 'HTTP/1.1 417 Expectation Failed')
  t.match(received, '"code":"EXPECTATION_FAILED"')
  t.match(await line, { status: 417, outcome: 'rejected' })
  t.match(await ask(t, port, '/own'), /^HTTP\/1\.1 417 Expectation Failed\r\n[^{]*$/)
})

t.test('a host that listens for it is left alone', async t => {
  const { port: upstream } = await service(t, () => t.fail('forwarded'))
  const { port } = await start(t, async app => {
    await app.register(streamGateway, { routes: [{ prefix: '/api', target: `http://127.0.0.1:${upstream}` }] })
    app.server.on('checkExpectation', (_request, response) => response.writeHead(418).end())
  })
  t.match(await ask(t, port, '/api/x'), 'HTTP/1.1 418')
})
