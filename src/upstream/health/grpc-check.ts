import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2'
import { codeName, healthRequest, servingStatus } from './grpc-message.js'
import { openStream } from './http2-check.js'
import type { Check, Probe } from './probe.js'

/** More than a response has. */
const MAX_MESSAGE = 64

export interface GrpcRequest {
  /** The service that is asked for; empty: the server as a whole. */
  readonly service: string
  readonly host: string
  /** Milliseconds that the server may take. */
  readonly timeout: number
}

/** Whether `grpc.health.v1.Health/Check` says SERVING. */
export function grpcCheck ({ service, host, timeout }: GrpcRequest, scheme: 'http' | 'https'): Check {
  const message = healthRequest(service)
  const head = {
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    ':authority': host,
    'content-type': 'application/grpc',
    te: 'trailers',
    // Eight digits at most, in milliseconds.
    'grpc-timeout': `${Math.min(timeout, 99_999_999)}m`
  }
  return (socket, probe) => {
    const stream = openStream(socket, probe, scheme, head)
    const response = new GrpcResponse(probe)
    stream.on('response', headers => response.began(headers))
    stream.on('data', chunk => response.received(chunk))
    stream.on('trailers', trailers => response.learn(trailers))
    stream.on('close', () => response.ended())
    stream.end(message)
  }
}

/** Message and status may both be missing; the status stands in the trailers, or in the head of a response that has no message. */
class GrpcResponse {
  readonly #probe: Probe
  #message = Buffer.alloc(0)
  #status: string | undefined

  constructor (probe: Probe) {
    this.#probe = probe
  }

  began (headers: IncomingHttpHeaders & IncomingHttpStatusHeader): void {
    const { ':status': status } = headers
    if (status === 200) this.learn(headers)
    else this.#probe.fail(`status ${status}`)
  }

  received (bytes: Buffer): void {
    if (this.#message.length + bytes.length > MAX_MESSAGE) this.#probe.fail('no response of gRPC\'s health protocol')
    else this.#message = Buffer.concat([this.#message, bytes])
  }

  learn ({ 'grpc-status': status }: IncomingHttpHeaders): void {
    if (typeof status === 'string') this.#status = status
  }

  ended (): void {
    if (this.#status === undefined) {
      this.#probe.fail('no response of gRPC')
    } else if (this.#status !== '0') {
      const name = codeName(this.#status)
      this.#probe.fail(name === 'UNIMPLEMENTED' ? 'gRPC UNIMPLEMENTED: the service does not have grpc.health.v1.Health' : `gRPC ${name}`)
    } else {
      const status = servingStatus(this.#message)
      this.#probe.decide(status === 'SERVING', status === undefined ? 'no response of gRPC\'s health protocol' : `gRPC ${status}`)
      this.#probe.end()
    }
  }
}
