import { once } from 'node:events'
import * as grpc from '@grpc/grpc-js'
import t from 'tap'
import type { Test } from 'tap'
import { Http2Client, http2Gateway } from '../fixtures/http2.js'
import { fixture, pair, pem } from '../fixtures/tls.js'

// Messages are bytes here: what is tested is the way, not protobuf.
const bytes = { serialize: (message: Buffer): Buffer => message, deserialize: (message: Buffer): Buffer => message }

function method (path: string, requestStream: boolean, responseStream: boolean): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path, requestStream, responseStream, requestSerialize: bytes.serialize, requestDeserialize: bytes.deserialize, responseSerialize: bytes.serialize, responseDeserialize: bytes.deserialize
  }
}

const definition = {
  unary: method('/echo.Echo/Unary', false, false),
  down: method('/echo.Echo/Down', false, true),
  up: method('/echo.Echo/Up', true, false),
  both: method('/echo.Echo/Both', true, true)
}

const Client = grpc.makeGenericClientConstructor(definition, 'Echo')

interface Service {
  cancelled: Promise<string>
  cancel: (what: string) => void
  metadata: grpc.Metadata | undefined
  deadline: grpc.Deadline
}

function implementation (service: Service): grpc.UntypedServiceImplementation {
  return {
    unary (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      service.metadata = call.metadata
      service.deadline = call.getDeadline()
      call.on('cancelled', () => service.cancel('unary'))
      const text = call.request.toString('latin1', 0, 10)
      const trailers = new grpc.Metadata()
      trailers.add('x-trailer', 'one')
      trailers.add('x-trailer', 'two')
      trailers.add('x-bytes-bin', Buffer.from([0, 255, 10]))
      if (text === 'never') return
      if (text === 'reject') {
        done({ code: grpc.status.INVALID_ARGUMENT, details: 'nicht möglich: 100 %', metadata: trailers })
        return
      }
      const head = new grpc.Metadata()
      head.add('x-head', 'one')
      head.add('x-head', 'two')
      call.sendMetadata(head)
      done(null, call.request, trailers)
    },
    down (call: grpc.ServerWritableStream<Buffer, Buffer>) {
      call.on('cancelled', () => service.cancel('down'))
      call.write(Buffer.from('0'))
      if (String(call.request) === 'endless') return
      for (let i = 1; i < 100; i++) call.write(Buffer.from(String(i)))
      call.end()
    },
    up (call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
      const messages: Buffer[] = []
      call.on('cancelled', () => service.cancel('up'))
      call.on('data', (message: Buffer) => {
        messages.push(message)
        if (String(message) === 'stop') done({ code: grpc.status.RESOURCE_EXHAUSTED, details: 'enough' })
      })
      call.on('end', () => done(null, Buffer.concat(messages)))
    },
    both (call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      call.on('cancelled', () => service.cancel('both'))
      call.on('data', (message: Buffer) => call.write(Buffer.concat([Buffer.from('echo '), message])))
      call.on('end', () => call.end())
    }
  }
}

async function serve (t: Test, credentials: grpc.ServerCredentials): Promise<{ port: number, service: Service }> {
  let cancel: (what: string) => void = () => {}
  const cancelled = new Promise<string>(resolve => { cancel = resolve })
  const service: Service = { cancelled, cancel, metadata: undefined, deadline: Infinity }
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 })
  server.addService(definition, implementation(service))
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('localhost:0', credentials, (error, port) => error === null ? resolve(port) : reject(error))
  })
  t.teardown(() => { server.forceShutdown() })
  return { port, service }
}

async function unary (client: grpc.Client, message: Buffer, metadata = new grpc.Metadata(), options: grpc.CallOptions = {}): Promise<{ message: Buffer | undefined, error: grpc.ServiceError | null, head: grpc.Metadata | undefined, status: grpc.StatusObject }> {
  let head: grpc.Metadata | undefined
  let status: grpc.StatusObject | undefined
  return await new Promise(resolve => {
    let done: (() => void) | undefined
    const call = client.makeUnaryRequest(definition.unary.path, bytes.serialize, bytes.deserialize, message, metadata, options, (error, message) => {
      done = () => { if (status !== undefined) resolve({ message, error, head, status }) }
      done()
    })
    call.on('metadata', metadata => { head = metadata })
    call.on('status', given => {
      status = given
      done?.()
    })
  })
}

const WAYS = {
  'h2c to h2c': {
    server: () => grpc.ServerCredentials.createInsecure(),
    target: (port: number) => `http://localhost:${port}`,
    route: {},
    gateway: undefined,
    client: () => grpc.credentials.createInsecure()
  },
  'TLS to TLS': {
    server: () => grpc.ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(pair('localhost').cert), private_key: Buffer.from(pair('localhost').key) }]),
    target: (port: number) => `https://localhost:${port}`,
    route: { tls: { ca: fixture('ca.pem') } },
    gateway: pair('localhost'),
    client: () => grpc.credentials.createSsl(Buffer.from(pem('ca.pem')))
  }
}

for (const [way, { server, target, route, gateway, client: credentials }] of Object.entries(WAYS)) {
  async function through (t: Test, more = {}): Promise<{ client: grpc.Client, service: Service, nextLine: () => Promise<object> }> {
    const { port: upstream, service } = await serve(t, server())
    const { port, nextLine } = await http2Gateway(t, target(upstream), { prefix: '/echo.Echo', http2: true, pathRewrite: { pattern: '^', replacement: '' }, ...route, ...more }, { tls: gateway })
    const client = new Client(`localhost:${port}`, credentials(), { 'grpc.max_receive_message_length': -1 })
    t.teardown(() => client.close())
    return { client, service, nextLine }
  }

  t.test(`gRPC ${way}: unary, with metadata, trailers and status`, async t => {
    const { client, service, nextLine } = await through(t)
    const line = nextLine()
    const metadata = new grpc.Metadata()
    metadata.add('x-asked', 'one')
    metadata.add('x-asked', 'two')
    metadata.add('x-raw-bin', Buffer.from([0, 1, 255]))
    const { message, error, head, status } = await unary(client, Buffer.from('hello'), metadata)
    t.equal(error, null)
    t.equal(String(message), 'hello')
    // Joined by grpc-js itself.
    t.strictSame(service.metadata?.get('x-asked'), ['one, two'])
    t.strictSame(service.metadata?.get('x-raw-bin'), [Buffer.from([0, 1, 255])])
    t.strictSame(head?.get('x-head'), ['one, two'])
    t.equal(status.code, grpc.status.OK)
    t.strictSame(status.metadata.get('x-trailer'), ['one, two'])
    t.strictSame(status.metadata.get('x-bytes-bin'), [Buffer.from([0, 255, 10])])
    t.match(await line, { status: 200, outcome: 'completed', url: '/echo.Echo/Unary' })
  })

  t.test(`gRPC ${way}: an error has its status, message and metadata`, async t => {
    const { client } = await through(t)
    const { error } = await unary(client, Buffer.from('reject'))
    t.match(error, { code: grpc.status.INVALID_ARGUMENT, details: 'nicht möglich: 100 %' })
    t.strictSame(error?.metadata.get('x-trailer'), ['one, two'])
    const unknown = await new Promise<grpc.ServiceError | null>(resolve => {
      client.makeUnaryRequest('/echo.Echo/None', bytes.serialize, bytes.deserialize, Buffer.from('x'), error => resolve(error))
    })
    t.equal(unknown?.code, grpc.status.UNIMPLEMENTED, 'in a response of a head alone')
  })

  t.test(`gRPC ${way}: a service that streams`, async t => {
    const { client } = await through(t)
    const call = client.makeServerStreamRequest(definition.down.path, bytes.serialize, bytes.deserialize, Buffer.from('x'))
    const status = once(call, 'status')
    const messages: string[] = []
    for await (const message of call) messages.push(String(message))
    t.strictSame(messages, Array.from({ length: 100 }, (_, i) => String(i)))
    t.match(await status, [{ code: grpc.status.OK }])
  })

  t.test(`gRPC ${way}: a client that streams`, async t => {
    const { client } = await through(t)
    let call: grpc.ClientWritableStream<Buffer> | undefined
    const response = new Promise((resolve, reject) => {
      call = client.makeClientStreamRequest(definition.up.path, bytes.serialize, bytes.deserialize, (error, message) => error === null ? resolve(String(message)) : reject(error))
    })
    for (const word of ['a', 'b', 'c']) call?.write(Buffer.from(word))
    call?.end()
    t.equal(await response, 'abc')
  })

  t.test(`gRPC ${way}: a service that has enough in mid stream`, async t => {
    const { client } = await through(t)
    let call: grpc.ClientWritableStream<Buffer> | undefined
    const response = new Promise((resolve, reject) => {
      call = client.makeClientStreamRequest(definition.up.path, bytes.serialize, bytes.deserialize, (error, message) => error === null ? resolve(String(message)) : reject(error))
    })
    call?.write(Buffer.from('a'))
    call?.write(Buffer.from('stop'))
    await t.rejects(response, { code: grpc.status.RESOURCE_EXHAUSTED, details: 'enough' })
  })

  t.test(`gRPC ${way}: both stream, word by word`, async t => {
    const { client } = await through(t)
    const call = client.makeBidiStreamRequest(definition.both.path, bytes.serialize, bytes.deserialize)
    const status = once(call, 'status')
    for (const word of ['one', 'two', 'three']) {
      call.write(Buffer.from(word))
      const [message] = await once(call, 'data')
      t.equal(String(message), `echo ${word}`)
    }
    call.end()
    t.match(await status, [{ code: grpc.status.OK }])
  })

  t.test(`gRPC ${way}: a deadline reaches the service, and is kept`, async t => {
    const { client, service } = await through(t)
    const { error } = await unary(client, Buffer.from('never'), new grpc.Metadata(), { deadline: Date.now() + 500 })
    t.equal(error?.code, grpc.status.DEADLINE_EXCEEDED)
    t.ok(Number(service.deadline) < Date.now() + 60_000, 'as grpc-timeout')
    t.equal(await service.cancelled, 'unary')
  })

  t.test(`gRPC ${way}: a client that cancels, alone, in a stream down and both ways`, async t => {
    for (const [what, start] of Object.entries({
      unary: (client: grpc.Client) => client.makeUnaryRequest(definition.unary.path, bytes.serialize, bytes.deserialize, Buffer.from('never'), () => {}),
      down: (client: grpc.Client) => client.makeServerStreamRequest(definition.down.path, bytes.serialize, bytes.deserialize, Buffer.from('endless')),
      both: (client: grpc.Client) => {
        const call = client.makeBidiStreamRequest(definition.both.path, bytes.serialize, bytes.deserialize)
        call.write(Buffer.from('x'))
        return call
      }
    })) {
      const { client, service } = await through(t)
      const call = start(client)
      call.on('error', () => {})
      if ('read' in call) await once(call, 'data')
      else while (service.metadata === undefined) await new Promise(resolve => setImmediate(resolve))
      call.cancel()
      t.equal(await service.cancelled, what)
    }
  })

  t.test(`gRPC ${way}: large messages`, async t => {
    const { client } = await through(t)
    const large = Buffer.alloc(8 * 1024 * 1024, 'large ')
    const { message, error } = await unary(client, large)
    t.equal(error, null)
    t.ok(message?.equals(large))
  })

  t.test(`gRPC ${way}: many calls at once`, async t => {
    const { client } = await through(t)
    const responses = await Promise.all(Array.from({ length: 300 }, async (_, i) => await unary(client, Buffer.from(`call ${i}`))))
    t.strictSame(responses.map(({ message }) => String(message)), responses.map((_, i) => `call ${i}`))
  })
}

t.test('a service that is down is UNAVAILABLE to a gRPC client', async t => {
  const { port } = await http2Gateway(t, 'http://localhost:1', { prefix: '/echo.Echo', http2: true })
  const client = new Client(`localhost:${port}`, grpc.credentials.createInsecure())
  t.teardown(() => client.close())
  const { error } = await unary(client, Buffer.from('x'))
  t.equal(error?.code, grpc.status.UNAVAILABLE)
  t.equal((await new Http2Client(t, port).ask({ ':path': '/echo.Echo/x', ':method': 'POST' }, 'x').closed).status, 502)
})
