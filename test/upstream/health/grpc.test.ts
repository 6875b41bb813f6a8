import * as grpc from '@grpc/grpc-js'
import t from 'tap'
import type { Test } from 'tap'
import { codeName, healthRequest, servingStatus } from '../../../src/upstream/health/grpc-message.js'
import { http2Service } from '../../fixtures/http2.js'
import { closedPort } from '../../fixtures/peers.js'
import { pair, pem } from '../../fixtures/tls.js'
import { firstVerdict, http } from './told.js'

const check = { type: 'grpc' } as const

function asBytes (message: Buffer): Buffer {
  return message
}

const definition = {
  check: {
    path: '/grpc.health.v1.Health/Check', requestStream: false, responseStream: false, requestSerialize: asBytes, requestDeserialize: asBytes, responseSerialize: asBytes, responseDeserialize: asBytes
  }
}

type Call = grpc.ServerUnaryCall<Buffer, Buffer>
type Done = grpc.sendUnaryData<Buffer>

/** A server of gRPC's own library. */
async function grpcService (t: Test, check?: (call: Call, done: Done) => void, credentials = grpc.ServerCredentials.createInsecure()): Promise<number> {
  const server = new grpc.Server()
  if (check !== undefined) server.addService(definition, { check })
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => error === null ? resolve(port) : reject(error))
  })
  t.teardown(() => { server.forceShutdown() })
  return port
}

function says (status: number): (call: Call, done: Done) => void {
  return (_call, done) => done(null, Buffer.from(status === 0 ? [] : [8, status]))
}

t.test('the status of the server decides', async t => {
  for (const [status, verdict] of [[0, 'unhealthy: gRPC UNKNOWN'], [1, 'healthy: gRPC SERVING'], [2, 'unhealthy: gRPC NOT_SERVING'], [3, 'unhealthy: gRPC SERVICE_UNKNOWN']] as const) {
    t.equal(await firstVerdict(t, http(await grpcService(t, says(status))), check), verdict)
  }
})

t.test('what is asked for', async t => {
  const calls: Call[] = []
  const port = await grpcService(t, (call, done) => {
    calls.push(call)
    says(1)(call, done)
  })
  await firstVerdict(t, http(port), check)
  await firstVerdict(t, http(port), { ...check, service: 'shop.Payments', timeout: 2_000 })
  await firstVerdict(t, http(port), { ...check, service: 'x'.repeat(300), host: 'health.internal' })
  t.strictSame(calls.map(({ request }) => String(request)), ['', '\x0a\x0dshop.Payments', String(Buffer.concat([Buffer.from([10, 0xac, 2]), Buffer.alloc(300, 'x')]))])
  t.strictSame(calls.map(call => call.getHost()), [`127.0.0.1:${port}`, `127.0.0.1:${port}`, 'health.internal'])
  const deadline = Number(calls[1]?.getDeadline()) - Date.now()
  t.ok(deadline > 0 && deadline <= 2_000, `${deadline}`)
})

t.test('errors of gRPC', async t => {
  t.equal(await firstVerdict(t, http(await grpcService(t)), check), 'unhealthy: gRPC UNIMPLEMENTED: the service does not have grpc.health.v1.Health')
  const unknown = await grpcService(t, (_call, done) => done({ code: grpc.status.NOT_FOUND }))
  t.equal(await firstVerdict(t, http(unknown), { ...check, service: 'none' }), 'unhealthy: gRPC NOT_FOUND')
  const silent = await grpcService(t, () => {})
  t.match(await firstVerdict(t, http(silent), { ...check, timeout: 50 }), /^unhealthy: (timeout after 50 ms|gRPC DEADLINE_EXCEEDED|ERR_HTTP2_STREAM_ERROR)$/)
  t.equal(await firstVerdict(t, http(await closedPort()), check), 'unhealthy: ECONNREFUSED')
})

t.test('over TLS, by HTTP/2 also where the target\'s requests go by HTTP/1.1', async t => {
  const { cert, key } = pair('localhost')
  const port = await grpcService(t, says(1), grpc.ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }]))
  const endpoint = { protocol: 'https', host: 'localhost', port } as const
  t.equal(await firstVerdict(t, { ...endpoint, tls: { ca: pem('ca.pem') } }, check), 'healthy: gRPC SERVING')
  t.match(await firstVerdict(t, endpoint, check), /^unhealthy: [A-Z_]+$/)
})

t.test('what is no response of the health protocol', async t => {
  const head = { ':status': 200, 'content-type': 'application/grpc' }
  for (const [status, body, trailers, verdict] of [
    [503, '', undefined, 'status 503'],
    [200, '<html>', undefined, 'no response of gRPC'],
    [200, '\0\0\0\0\x02\x08\x01', undefined, 'no response of gRPC'],
    [200, '', { 'grpc-status': '0' }, 'no response of gRPC\'s health protocol'],
    [200, '\0\0\0\0\x02\x08\x01', { 'grpc-status': '99' }, 'gRPC status 99'],
    [200, 'x'.repeat(65), { 'grpc-status': '0' }, 'no response of gRPC\'s health protocol']
  ] as const) {
    const { port } = await http2Service(t, stream => {
      stream.respond({ ...head, ':status': status }, { waitForTrailers: trailers !== undefined })
      stream.on('wantTrailers', () => stream.sendTrailers({ ...trailers }))
      stream.end(body)
    })
    t.equal(await firstVerdict(t, http(port), check), `unhealthy: ${verdict}`)
  }
})

t.test('messages', async t => {
  for (const [bytes, status] of [
    [[0, 0, 0, 0, 0], 'UNKNOWN'],
    [[0, 0, 0, 0, 2, 8, 1], 'SERVING'],
    [[0, 0, 0, 0, 2, 8, 2], 'NOT_SERVING'],
    [[0, 0, 0, 0, 2, 8, 4], undefined],
    [[0, 0, 0, 0, 2, 16, 1], undefined],
    [[0, 0, 0, 0, 3, 8, 1], undefined],
    [[0, 0, 0, 0, 3, 8, 129, 1], undefined],
    // Compressed, which nobody asked for.
    [[1, 0, 0, 0, 2, 8, 1], undefined],
    [[0, 0, 0, 0], undefined],
    [[], undefined]
  ] as const) t.equal(servingStatus(Buffer.from(bytes)), status, `${bytes}`)
  t.strictSame([...healthRequest('')], [0, 0, 0, 0, 0])
  t.strictSame([...healthRequest('ab')], [0, 0, 0, 0, 4, 10, 2, 97, 98])
  t.equal(codeName('12'), 'UNIMPLEMENTED')
  t.equal(codeName('17'), 'status 17')
})
